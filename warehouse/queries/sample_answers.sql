-- Five questions with answers short enough to read; always the same ones, in no particular order
SELECT annotation_id, scenario, query, final_answer
FROM answers
ORDER BY length(final_answer) > 500, md5(annotation_id), annotation_id
LIMIT 5
