-- What can be searched: instructions with their answers, one row per search
SELECT query, final_answer, instructions.instruction_id, annotation_id, scenario, win
FROM instructions
LEFT JOIN annotations USING (instruction_id)
ORDER BY instructions.instruction_id, annotation_id
