-- What a request of each stage was like on the average, over all runs, by model
SELECT
    stage,
    model,
    count(*) AS n_requests,
    count(DISTINCT row_id) AS n_rows,
    round(count(DISTINCT (row_id, ordinal)) / count(DISTINCT row_id), 2) AS requests_per_row,
    round(avg(tokens_in)) AS tokens_in,
    round(avg(tokens_out)) AS tokens_out,
    round(avg(latency_ms) FILTER (WHERE NOT from_store) / 1000, 3) AS latency_s
FROM llm_calls
WHERE error IS NULL
GROUP BY stage, model
ORDER BY stage, model
