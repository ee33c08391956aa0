-- Every search with what decides where it goes, in the order of ids
SELECT
    annotation_id,
    instruction_id,
    scenario,
    split,
    win,
    finish_type,
    method,
    rules,
    annotations.model,
    offer,
    n_nodes
FROM annotations
LEFT JOIN instructions USING (instruction_id)
ORDER BY annotation_id
