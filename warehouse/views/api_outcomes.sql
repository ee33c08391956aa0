-- Grain: an outcome of calling an API, in its probes or in searches
SELECT
    origin,
    api_id,
    outcome,
    count(*) AS n_calls,
    median(latency_ms) AS median_latency_ms,
    max(called_at) AS last_called_at
FROM (
    SELECT 'probe' AS origin, api_id, outcome, latency_ms, probed_at AS called_at FROM probes
    UNION ALL
    -- A replayed call is the same answer of the API again: the time it was recorded tells.
    SELECT DISTINCT 'search' AS origin, api_id, outcome, latency_ms, recorded_at AS called_at
    FROM calls
)
GROUP BY origin, api_id, outcome
