-- What each stage asked of the model and cost, over all runs
SELECT
    stage,
    sum(n_requests) AS n_requests,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out,
    sum(cost_usd) AS cost_usd
FROM cost_by_stage
GROUP BY stage
ORDER BY stage
