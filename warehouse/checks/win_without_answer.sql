-- A search that was won has a final answer
SELECT annotation_id, finish_type
FROM annotations
WHERE win AND (final_answer IS NULL OR finish_type <> 'give_answer')
