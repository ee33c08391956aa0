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
GROUP BY run_id, stage, model;

COMMENT ON COLUMN cost_by_stage.run_id IS 'The run; e.g. 20260301T120000.000Z';
COMMENT ON COLUMN cost_by_stage.stage IS 'The stage that asked; e.g. propose';
COMMENT ON COLUMN cost_by_stage.model IS 'Who was asked; e.g. gpt-4o-mini';
COMMENT ON COLUMN cost_by_stage.n_requests IS 'Requests that were paid for';
COMMENT ON COLUMN cost_by_stage.n_from_store IS 'Requests that a stored reply answered';
COMMENT ON COLUMN cost_by_stage.n_failed IS 'Requests that failed';
COMMENT ON COLUMN cost_by_stage.n_attempts IS 'Tries, those of transient failures among them';
COMMENT ON COLUMN cost_by_stage.tokens_in IS 'Tokens sent';
COMMENT ON COLUMN cost_by_stage.tokens_out IS 'Tokens that came back';
COMMENT ON COLUMN cost_by_stage.cost_usd IS 'What they cost, where prices are known';
COMMENT ON COLUMN cost_by_stage.median_latency_ms IS 'Milliseconds until a reply was there';
