-- The nodes of the searches from one id to another, each tree in pre-order
SELECT * FROM nodes WHERE annotation_id BETWEEN ?1 AND ?2 ORDER BY annotation_id, node_id
