-- How much searching each method took, and how often it won
SELECT *
FROM search_effort
ORDER BY method, rules, model, scenario
