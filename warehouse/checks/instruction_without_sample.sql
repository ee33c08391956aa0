-- Every instruction that was selected is of a sample
SELECT instruction_id, sample_id
FROM instructions
ANTI JOIN samples USING (sample_id)
WHERE EXISTS (SELECT 1 FROM funnel WHERE stage = 'select')
