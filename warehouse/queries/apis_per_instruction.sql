-- How many APIs instructions need
SELECT len(relevant_apis) AS n_apis, scenario, count(*) AS n_instructions
FROM instructions
GROUP BY n_apis, scenario
ORDER BY n_apis, scenario
