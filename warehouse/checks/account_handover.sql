-- In a refresh, a stage takes in what the stage before it put out
SELECT earlier.stage AS from_stage, earlier.n_out, later.stage AS to_stage, later.n_in
FROM (VALUES ('crawl', 'probe'), ('probe', 'compress'), ('propose', 'select'), ('select', 'annotate'))
    AS handover(from_stage, to_stage)
JOIN account AS earlier ON earlier.stage = handover.from_stage
JOIN account AS later ON later.stage = handover.to_stage
WHERE (SELECT kind FROM snapshot) = 'refresh' AND earlier.n_out <> later.n_in
