-- How much the instructions of a scenario differ in words, length and APIs
SELECT
    scenario,
    n_instructions,
    round(distinct_1, 3) AS distinct_1,
    round(distinct_2, 3) AS distinct_2,
    round(distinct_3, 3) AS distinct_3,
    round(mean_similarity, 4) AS mean_similarity,
    round(greatest_similarity, 3) AS greatest_similarity,
    round(mean_words, 1) AS mean_words,
    round(mean_apis, 2) AS mean_apis,
    round(share_several_apis, 3) AS share_several_apis
FROM diversity
ORDER BY scenario
