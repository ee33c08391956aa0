-- Every search by its own id and its instruction's, with what tells it from others
SELECT
    annotation_id,
    instruction_id,
    method,
    left(query, 30) AS query
FROM annotations
LEFT JOIN instructions USING (instruction_id)
ORDER BY instruction_id, method, annotation_id
