-- How calls of APIs ended, in probes and in searches
SELECT
    origin,
    outcome,
    count(*) AS n_apis,
    sum(n_calls)::BIGINT AS n_calls,
    round(median(median_latency_ms), 1) AS median_latency_ms
FROM api_outcomes
GROUP BY origin, outcome
ORDER BY origin, n_calls DESC, outcome
