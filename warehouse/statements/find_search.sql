-- The search of that id; of an empty one, a search that is worth looking at
SELECT
    annotation_id,
    scenario,
    query,
    method,
    rules,
    annotations.model,
    win,
    finish_type,
    final_answer,
    stopped_by,
    n_queries,
    n_calls
FROM annotations
LEFT JOIN instructions USING (instruction_id)
WHERE ?1 IN ('', annotation_id)
ORDER BY
    -- One that shows the method comes first: won after going back, and not too long.
    NOT (win AND annotation_id IN (SELECT annotation_id FROM nodes WHERE pruned)),
    abs(n_queries - 7),
    annotation_id
LIMIT 1
