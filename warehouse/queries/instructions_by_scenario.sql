-- How many instructions there are in each scenario and split, and how long they are
SELECT
    scenario,
    split,
    count(*) AS n_instructions,
    round(avg(n_words), 1) AS mean_words,
    round(avg(len(relevant_apis)), 2) AS mean_relevant_apis
FROM instructions
GROUP BY scenario, split
ORDER BY scenario, split
