-- How fast the APIs' good answers came, run after run
SELECT
    run_id,
    strftime(min(probed_at) AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS probed_utc,
    count(*) AS n_answers,
    round(median(latency_ms), 1) AS median_ms,
    round(quantile_cont(latency_ms, 0.95), 1) AS p95_ms
FROM probes
WHERE outcome = 'ok'
GROUP BY run_id
ORDER BY min(probed_at), run_id
