-- How many instructions need a kept API
SELECT n_relevant AS n_instructions, count(*) AS n_apis
FROM api_coverage
GROUP BY n_relevant
ORDER BY n_relevant
