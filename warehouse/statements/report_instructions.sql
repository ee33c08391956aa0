-- Instructions with their searches, as JSON arrays in the order of the page; ?1: how many at most
SELECT
    instructions.instruction_id,
    annotation_id,
    json_array(
        instructions.instruction_id,
        annotation_id,
        scenario,
        split,
        query,
        [relevant.api_id FOR relevant IN relevant_apis],
        n_words,
        method,
        annotations.model,
        win,
        stopped_by,
        final_answer,
        n_queries,
        n_calls,
        n_nodes,
        depth,
        annotation_id IN (SELECT annotation_id FROM nodes WHERE pruned)
    )::VARCHAR AS row
FROM instructions
LEFT JOIN annotations USING (instruction_id)
WHERE instruction_id IN (SELECT instruction_id FROM instructions ORDER BY md5(instruction_id) LIMIT ?1)
ORDER BY instructions.instruction_id, annotation_id
