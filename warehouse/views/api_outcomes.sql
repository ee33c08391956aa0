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
GROUP BY origin, api_id, outcome;

COMMENT ON COLUMN api_outcomes.origin IS 'probe or search; e.g. probe';
COMMENT ON COLUMN api_outcomes.api_id IS 'The API; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN api_outcomes.outcome IS 'How the calls ended; e.g. ok';
COMMENT ON COLUMN api_outcomes.n_calls IS 'How many ended so';
COMMENT ON COLUMN api_outcomes.median_latency_ms IS 'Milliseconds of these calls';
COMMENT ON COLUMN api_outcomes.last_called_at IS 'When the last of them was made';
