-- What each run asked of the model and cost, oldest first
SELECT
    run_id,
    kind,
    status,
    strftime(started_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS started_utc,
    round(date_diff('millisecond', started_at, finished_at) / 1000, 1) AS seconds,
    n_requests,
    tokens_in,
    tokens_out,
    cost_usd
FROM runs
ORDER BY started_at, run_id
