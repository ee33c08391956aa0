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
GROUP BY run_id, api_id;

COMMENT ON COLUMN probe_results.run_id IS 'The run that probed; e.g. 20260301T120000.000Z';
COMMENT ON COLUMN probe_results.api_id IS 'The API; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN probe_results.outcome IS 'ok when one try was good, else how the last one ended; e.g. ok';
COMMENT ON COLUMN probe_results.n_tries IS 'How often it was tried';
COMMENT ON COLUMN probe_results.median_latency_ms IS 'Milliseconds of the good tries';
COMMENT ON COLUMN probe_results.first_probed_at IS 'When the first try began';
COMMENT ON COLUMN probe_results.last_probed_at IS 'When the last try began';
