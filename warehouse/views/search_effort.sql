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
GROUP BY annotations.method, annotations.rules, annotations.model, instructions.scenario;

COMMENT ON COLUMN search_effort.method IS 'How it was searched; e.g. dfsdt';
COMMENT ON COLUMN search_effort.rules IS 'Whose details of the method; e.g. toolloom';
COMMENT ON COLUMN search_effort.model IS 'Who searched; e.g. gpt-4o-mini';
COMMENT ON COLUMN search_effort.scenario IS 'G1, G2 or G3; e.g. G1';
COMMENT ON COLUMN search_effort.n_searches IS 'How many searches';
COMMENT ON COLUMN search_effort.n_won IS 'How many ended in an answer';
COMMENT ON COLUMN search_effort.win_rate IS 'Share that ended in an answer; e.g. 0.93';
COMMENT ON COLUMN search_effort.mean_queries IS 'Requests to the model per search';
COMMENT ON COLUMN search_effort.median_queries IS 'Requests to the model of the middle search';
COMMENT ON COLUMN search_effort.mean_calls IS 'Calls of APIs per search';
COMMENT ON COLUMN search_effort.mean_nodes IS 'Nodes of a tree';
COMMENT ON COLUMN search_effort.max_depth IS 'The deepest tree';
COMMENT ON COLUMN search_effort.mean_tokens IS 'Tokens per search, sent and written';
