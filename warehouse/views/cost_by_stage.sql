-- Grain: what a stage of a run asked of a model
SELECT
    run_id,
    stage,
    model,
    count(*) FILTER (WHERE NOT from_store) AS n_requests,
    count(*) FILTER (WHERE from_store) AS n_from_store,
    count(error) AS n_failed,
    coalesce(sum(attempts) FILTER (WHERE NOT from_store), 0)::BIGINT AS n_attempts,
    coalesce(sum(tokens_in) FILTER (WHERE NOT from_store), 0)::BIGINT AS tokens_in,
    coalesce(sum(tokens_out) FILTER (WHERE NOT from_store), 0)::BIGINT AS tokens_out,
    sum(cost_usd) FILTER (WHERE NOT from_store) AS cost_usd,
    median(latency_ms) FILTER (WHERE NOT from_store) AS median_latency_ms
FROM llm_calls
GROUP BY run_id, stage, model
