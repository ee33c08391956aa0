-- Every instruction that was selected is of a sample; one that was read from a file has none of ours
SELECT instruction_id, sample_id
FROM instructions
ANTI JOIN samples USING (sample_id)
WHERE sample_id <> '' AND model <> 'imported' AND EXISTS (SELECT 1 FROM account WHERE stage = 'select')
