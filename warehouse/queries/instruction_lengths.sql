-- How many words instructions have, in steps of ten
SELECT n_words // 10 * 10 AS words_from, scenario, count(*) AS n_instructions
FROM instructions
GROUP BY words_from, scenario
ORDER BY words_from, scenario
