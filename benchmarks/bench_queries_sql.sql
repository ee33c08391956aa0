-- Instructions by category and scenario
SELECT category, scenario, count(*) AS n_instructions
FROM instruction_categories
GROUP BY category, scenario
ORDER BY category, scenario
