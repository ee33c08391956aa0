-- What each stage of each run asked of the model, and for how much
SELECT run_id, stage, model, n_requests, n_from_store, n_failed, tokens_in, tokens_out, cost_usd
FROM cost_by_stage
ORDER BY run_id, stage, model
