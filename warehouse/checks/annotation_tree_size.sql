-- A refresh recorded as many nodes as its searches count
SELECT annotations.annotation_id, annotations.n_nodes, count(nodes.node_id) AS n_rows
FROM annotations
LEFT JOIN nodes USING (annotation_id)
WHERE EXISTS (SELECT 1 FROM account WHERE stage = 'annotate')
    AND (SELECT kind FROM snapshot) = 'refresh'
GROUP BY annotations.annotation_id, annotations.n_nodes
HAVING annotations.n_nodes <> count(nodes.node_id)
