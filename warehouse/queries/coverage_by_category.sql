-- How many kept APIs of each category are offered to some instruction, and needed by one
SELECT
    category,
    count(*) AS n_kept,
    count(*) FILTER (n_offered > 0) AS n_offered,
    count(*) FILTER (n_relevant > 0) AS n_needed,
    round(avg((n_relevant > 0)::INTEGER), 3) AS share_needed
FROM api_coverage
GROUP BY category
ORDER BY category
