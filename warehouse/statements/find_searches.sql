-- The searches whose own id, or whose instruction's id, begins so; an empty beginning finds them all
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
WHERE starts_with(annotation_id, ?1) OR starts_with(instruction_id, ?1)
ORDER BY
    -- Without a beginning, one that shows the method comes first: won after going back, and not too long.
    NOT (win AND annotation_id IN (SELECT annotation_id FROM nodes WHERE pruned)),
    abs(n_queries - 7),
    annotation_id
LIMIT 20
