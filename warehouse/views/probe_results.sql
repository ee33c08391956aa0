-- Grain: an API in a run that probed it
-- One good try is enough to be ok; else the last try says what was wrong.
SELECT
    run_id,
    api_id,
    CASE WHEN bool_or(outcome = 'ok') THEN 'ok' ELSE arg_max(outcome, attempt) END AS outcome,
    count(*) AS n_tries,
    median(latency_ms) FILTER (WHERE outcome = 'ok') AS median_latency_ms,
    min(probed_at) AS first_probed_at,
    max(probed_at) AS last_probed_at
FROM probes
GROUP BY run_id, api_id
