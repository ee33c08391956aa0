-- The searches that took the most requests to the model
SELECT annotation_id, win, stopped_by, n_queries, n_calls, n_nodes, depth, query
FROM annotations
LEFT JOIN instructions USING (instruction_id)
ORDER BY n_queries DESC, annotation_id
LIMIT 20
