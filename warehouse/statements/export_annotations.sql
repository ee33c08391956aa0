-- The searches from one id to another
SELECT * FROM annotations WHERE annotation_id BETWEEN ?1 AND ?2 ORDER BY annotation_id
