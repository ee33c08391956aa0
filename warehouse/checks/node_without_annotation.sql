-- Every node belongs to a search
SELECT annotation_id, count(*) AS n_nodes
FROM nodes
ANTI JOIN annotations USING (annotation_id)
GROUP BY annotation_id
