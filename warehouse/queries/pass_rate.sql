-- How many searches of each method ended in an answer
SELECT
    method,
    model,
    CASE WHEN grouping(scenario) = 1 THEN 'all' ELSE scenario END AS scenarios,
    sum(n_searches)::BIGINT AS n_searches,
    sum(n_won)::BIGINT AS n_answered,
    round(sum(n_won) / sum(n_searches), 3) AS share_answered
FROM search_effort
GROUP BY GROUPING SETS ((method, model, scenario), (method, model))
ORDER BY method, model, grouping(scenario) DESC, scenario
