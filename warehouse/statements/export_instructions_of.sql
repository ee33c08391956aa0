-- The instructions of the searches from one id to another
SELECT *
FROM instructions
WHERE instruction_id IN (SELECT instruction_id FROM annotations WHERE annotation_id BETWEEN ?1 AND ?2)
