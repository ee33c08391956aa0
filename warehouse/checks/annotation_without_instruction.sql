-- Every search that was made is for an instruction
SELECT annotation_id, instruction_id
FROM annotations
ANTI JOIN instructions USING (instruction_id)
WHERE EXISTS (SELECT 1 FROM account WHERE stage = 'annotate')
