-- The run that is shown, and what it came to, in one row
SELECT
    snapshot.run_id,
    snapshot.kind,
    snapshot.status,
    snapshot.compared_with,
    strftime(snapshot.started_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS started_utc,
    strftime(snapshot.finished_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS finished_utc,
    round(date_diff('millisecond', snapshot.started_at, snapshot.finished_at) / 1000, 1) AS seconds,
    (SELECT count(*) FROM tools) AS n_tools,
    (SELECT count(*) FROM apis) AS n_apis,
    (SELECT count(*) FROM verdicts WHERE kept) AS n_kept,
    (SELECT count(*) FROM instructions) AS n_instructions,
    (SELECT avg(n_words) FROM instructions) AS mean_words,
    (SELECT count(*) FROM annotations) AS n_searches,
    (SELECT count(*) FROM annotations WHERE win) AS n_answered,
    (SELECT count(DISTINCT instruction_id) FROM annotations WHERE win) AS n_instructions_answered,
    (SELECT count(*) FROM nodes) AS n_nodes,
    (SELECT count(*) FROM stale_instructions WHERE relevant) AS n_stale,
    (SELECT list(DISTINCT model ORDER BY model) FROM instructions) AS models,
    runs.n_requests,
    runs.tokens_in,
    runs.tokens_out,
    runs.cost_usd
FROM snapshot
LEFT JOIN runs USING (run_id)
