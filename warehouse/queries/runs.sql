-- The runs, newest first
SELECT
    run_id,
    status,
    strftime(started_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS started_utc,
    date_diff('second', started_at, finished_at) AS seconds,
    n_requests,
    tokens_in,
    tokens_out,
    cost_usd
FROM runs
ORDER BY started_at DESC, run_id DESC
