-- The tree of a search, in pre-order
SELECT node_id, parent_id, entry, kind, query_no, thought, function, arguments, observation, outcome, finish_reason,
    votes, pruned, terminal, on_answer_path
FROM nodes
WHERE annotation_id = ?1
ORDER BY node_id
