-- Grain: an API that was ever probed
-- Days count back from the newest probe of all, so that the same data say the same tomorrow: the last 7 for
-- how it is, the last 30 for how it has been.  Latencies are those of good answers in the last 30.
WITH tries AS (
    SELECT
        run_id,
        api_id,
        attempt,
        outcome,
        outcome = 'ok' AS ok,
        latency_ms,
        probed_at,
        -- Tries of one moment are in the order of their numbers.
        probed_at + attempt * INTERVAL 1 MICROSECOND AS in_order,
        probed_at > (SELECT max(probed_at) FROM probes) - INTERVAL 7 DAY AS in_7_days,
        probed_at > (SELECT max(probed_at) FROM probes) - INTERVAL 30 DAY AS in_30_days
    FROM probes
),
summary AS (
    SELECT
        api_id,
        count(*) AS n_probes,
        count(*) FILTER (WHERE in_7_days) AS n_probes_7_days,
        avg(ok::INTEGER) FILTER (WHERE in_7_days) AS share_ok_7_days,
        count(*) FILTER (WHERE in_30_days) AS n_probes_30_days,
        avg(ok::INTEGER) FILTER (WHERE in_30_days) AS share_ok_30_days,
        median(latency_ms) FILTER (WHERE ok AND in_30_days) AS median_latency_ms,
        quantile_cont(latency_ms, 0.95) FILTER (WHERE ok AND in_30_days) AS p95_latency_ms,
        max(probed_at) AS last_probed_at,
        arg_max(outcome, in_order) AS last_outcome,
        max(probed_at) FILTER (WHERE ok) AS last_ok_at,
        arg_max(run_id, in_order) FILTER (WHERE ok) AS last_ok_run,
        arg_max(attempt, in_order) FILTER (WHERE ok) AS last_ok_attempt,
        min(probed_at) FILTER (WHERE NOT ok) AS first_failure_at
    FROM tries
    GROUP BY api_id
),
failing AS (
    SELECT api_id, min(tries.probed_at) AS since
    FROM tries
    JOIN summary USING (api_id)
    WHERE NOT tries.ok AND (summary.last_ok_at IS NULL OR tries.probed_at > summary.last_ok_at)
    GROUP BY api_id
)
SELECT
    summary.* EXCLUDE (last_ok_run, last_ok_attempt, first_failure_at),
    answers.body_head AS last_ok_body,
    summary.first_failure_at,
    -- Since when it has only failed; NULL while its last try was good.
    failing.since AS failing_since
FROM summary
LEFT JOIN failing USING (api_id)
LEFT JOIN probes AS answers
    ON answers.api_id = summary.api_id
    AND answers.run_id = summary.last_ok_run
    AND answers.attempt = summary.last_ok_attempt;

COMMENT ON COLUMN api_health.api_id IS 'The API; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN api_health.n_probes IS 'How often it was tried at all';
COMMENT ON COLUMN api_health.n_probes_7_days IS 'How often in the last 7 days';
COMMENT ON COLUMN api_health.share_ok_7_days IS 'Share of good answers in the last 7 days; e.g. 0.98';
COMMENT ON COLUMN api_health.n_probes_30_days IS 'How often in the last 30 days';
COMMENT ON COLUMN api_health.share_ok_30_days IS 'Share of good answers in the last 30 days';
COMMENT ON COLUMN api_health.median_latency_ms IS 'Milliseconds of its good answers in the last 30 days';
COMMENT ON COLUMN api_health.p95_latency_ms IS 'Milliseconds within which 95 % of them came';
COMMENT ON COLUMN api_health.last_probed_at IS 'When it was tried last';
COMMENT ON COLUMN api_health.last_outcome IS 'How that ended; e.g. ok';
COMMENT ON COLUMN api_health.last_ok_at IS 'When it answered well last';
COMMENT ON COLUMN api_health.last_ok_body IS 'The beginning of that answer';
COMMENT ON COLUMN api_health.first_failure_at IS 'When it failed for the first time';
COMMENT ON COLUMN api_health.failing_since IS 'Since when it has only failed; NULL while its last try was good';
