-- How many kept APIs of each split are needed by an instruction
SELECT
    split,
    count(*) AS n_apis,
    count(*) FILTER (n_samples > 0) AS n_drawn,
    count(*) FILTER (n_relevant > 0) AS n_needed,
    round(count(*) FILTER (n_relevant > 0) / count(*), 3) AS share_needed,
    round(avg(n_relevant), 1) AS mean_instructions
FROM api_coverage
GROUP BY split
ORDER BY split
