-- Every instruction that was proposed is of a sample
SELECT candidate_id, sample_id
FROM candidates
ANTI JOIN samples USING (sample_id)
WHERE EXISTS (SELECT 1 FROM account WHERE stage = 'propose')
