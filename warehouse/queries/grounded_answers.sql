-- How many answers contain a value that occurs in an observation and in neither the request nor the functions
WITH words AS (
    SELECT
        annotation_id,
        regexp_extract_all(final_answer, '[\w.+:/-]*\w') AS said,
        regexp_extract_all(query || ' ' || functions, '[\w.+:/-]*\w') AS known,
        regexp_extract_all(
            (SELECT string_agg(observation, ' ') FROM nodes WHERE nodes.annotation_id = annotations.annotation_id),
            '[\w.+:/-]*\w'
        ) AS observed
    FROM annotations
    JOIN instructions USING (instruction_id)
    WHERE win
)
SELECT
    count(*) AS n_answers,
    count(*) FILTER (
        len(list_filter(list_intersect(said, observed), lambda word: NOT list_contains(known, word))) > 0
    ) AS n_grounded,
    n_grounded / n_answers AS share
FROM words
