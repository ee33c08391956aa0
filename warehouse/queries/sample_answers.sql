-- Five questions with their answers; always the same ones, in no particular order
SELECT annotation_id, scenario, query, final_answer
FROM answers
ORDER BY md5(annotation_id), annotation_id
LIMIT 5
