-- Pairs of replies to learn a preference from; one that was early rather than wrong is none
SELECT annotation_id, point, chosen_node, rejected_node, reason
FROM pairs
WHERE NOT (reason = 'dead_end' AND came_later)
ORDER BY annotation_id, point, rejected_node
