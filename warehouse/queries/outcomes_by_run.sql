-- How the APIs answered, run after run
WITH began AS (
    SELECT run_id, min(first_probed_at) AS probed_at
    FROM probe_results
    GROUP BY run_id
)
SELECT
    run_id,
    strftime(probed_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS probed_utc,
    outcome,
    count(*) AS n_apis
FROM probe_results
JOIN began USING (run_id)
GROUP BY run_id, probed_at, outcome
ORDER BY probed_at, run_id, n_apis DESC, outcome
