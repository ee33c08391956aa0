-- Grain: the searches of a method by a model, in a scenario
SELECT
    annotations.method,
    annotations.rules,
    annotations.model,
    instructions.scenario,
    count(*) AS n_searches,
    count(*) FILTER (WHERE win) AS n_won,
    avg(win::INTEGER) AS win_rate,
    avg(n_queries) AS mean_queries,
    median(n_queries) AS median_queries,
    avg(n_calls) AS mean_calls,
    avg(n_nodes) AS mean_nodes,
    max(depth) AS max_depth,
    avg(tokens_in + tokens_out) AS mean_tokens
FROM annotations
LEFT JOIN instructions USING (instruction_id)
GROUP BY annotations.method, annotations.rules, annotations.model, instructions.scenario
