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
WHERE annotations.win
