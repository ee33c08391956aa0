-- APIs that fail, the latest failures first; those that have always failed last
SELECT
    api_id,
    last_outcome,
    strftime(failing_since AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS failing_since_utc,
    strftime(last_ok_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS last_ok_utc,
    round(100 * share_ok_7_days) AS ok_percent_7_days,
    round(100 * share_ok_30_days) AS ok_percent_30_days,
    n_probes
FROM api_health
WHERE failing_since IS NOT NULL
ORDER BY last_ok_at IS NULL, failing_since DESC, api_id
