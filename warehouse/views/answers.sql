-- Grain: a search that was won
SELECT
    annotations.annotation_id,
    annotations.instruction_id,
    instructions.scenario,
    instructions.split,
    instructions.query,
    annotations.final_answer,
    annotations.method,
    annotations.offer,
    annotations.model,
    annotations.n_queries,
    annotations.n_calls
FROM annotations
JOIN instructions USING (instruction_id)
WHERE annotations.win;

COMMENT ON COLUMN answers.annotation_id IS 'The search';
COMMENT ON COLUMN answers.instruction_id IS 'The instruction that is answered';
COMMENT ON COLUMN answers.scenario IS 'G1, G2 or G3; e.g. G1';
COMMENT ON COLUMN answers.split IS 'train, test_tool or test_category; e.g. train';
COMMENT ON COLUMN answers.query IS 'The instruction';
COMMENT ON COLUMN answers.final_answer IS 'The answer';
COMMENT ON COLUMN answers.method IS 'How it was searched; e.g. dfsdt';
COMMENT ON COLUMN answers.offer IS 'Who chose the APIs; e.g. sampled';
COMMENT ON COLUMN answers.model IS 'Who searched; e.g. gpt-4o-mini';
COMMENT ON COLUMN answers.n_queries IS 'Requests to the model';
COMMENT ON COLUMN answers.n_calls IS 'Calls of APIs';
