-- Kept APIs that no instruction needs
SELECT api_id, category, split, n_offered
FROM api_coverage
WHERE n_relevant = 0
ORDER BY api_id
