-- The runs, newest first; kept: whether it can still be looked at, or was pruned
SELECT
    run_id,
    kind,
    status,
    strftime(started_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS started_utc,
    date_diff('second', started_at, finished_at) AS seconds,
    n_requests,
    tokens_in,
    tokens_out,
    cost_usd,
    list_contains((SELECT runs_kept FROM snapshot), run_id) AS kept
FROM runs
ORDER BY finished_at DESC, run_id DESC
