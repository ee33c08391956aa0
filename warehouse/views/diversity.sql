-- Grain: a scenario, and how its instructions differ; words are compared among at most 300 of them
WITH chosen AS (
    SELECT scenario, instruction_id, regexp_extract_all(lower(query), '[\p{L}\p{N}]+') AS words
    FROM instructions
    QUALIFY row_number() OVER (PARTITION BY scenario ORDER BY md5(instruction_id)) <= 300
),
runs_of_words AS (
    SELECT scenario, instruction_id, n, array_to_string(words[start:start + n - 1], ' ') AS run
    FROM (
        SELECT scenario, instruction_id, words, n, unnest(range(1, len(words) - n + 2)) AS start
        FROM chosen, (VALUES (1), (2), (3)) AS lengths(n)
    )
),
distinct_runs AS (
    SELECT
        scenario,
        count(DISTINCT run) FILTER (n = 1) / nullif(count(*) FILTER (n = 1), 0) AS distinct_1,
        count(DISTINCT run) FILTER (n = 2) / nullif(count(*) FILTER (n = 2), 0) AS distinct_2,
        count(DISTINCT run) FILTER (n = 3) / nullif(count(*) FILTER (n = 3), 0) AS distinct_3
    FROM runs_of_words
    GROUP BY scenario
),
shingled AS (
    SELECT scenario, instruction_id, list_distinct(list(run)) AS shingles
    FROM runs_of_words
    WHERE n = 3
    GROUP BY scenario, instruction_id
),
shared AS (
    SELECT
        one.scenario,
        len(list_intersect(one.shingles, other.shingles)) AS n_shared,
        len(one.shingles) + len(other.shingles) AS n_both
    FROM shingled AS one
    JOIN shingled AS other ON one.scenario = other.scenario AND one.instruction_id < other.instruction_id
),
similarity AS (
    SELECT
        scenario,
        avg(n_shared / (n_both - n_shared)) AS mean_similarity,
        max(n_shared / (n_both - n_shared)) AS greatest_similarity
    FROM shared
    GROUP BY scenario
)
SELECT
    scenario,
    count(*) AS n_instructions,
    any_value(distinct_1) AS distinct_1,
    any_value(distinct_2) AS distinct_2,
    any_value(distinct_3) AS distinct_3,
    any_value(mean_similarity) AS mean_similarity,
    any_value(greatest_similarity) AS greatest_similarity,
    min(n_words) AS fewest_words,
    avg(n_words) AS mean_words,
    max(n_words) AS most_words,
    avg(len(relevant_apis)) AS mean_apis,
    max(len(relevant_apis)) AS most_apis,
    count(*) FILTER (len(relevant_apis) > 1) / count(*) AS share_several_apis
FROM instructions
LEFT JOIN distinct_runs USING (scenario)
LEFT JOIN similarity USING (scenario)
GROUP BY scenario;

COMMENT ON COLUMN diversity.scenario IS 'G1 (one tool), G2 (one category) or G3 (one collection)';
COMMENT ON COLUMN diversity.n_instructions IS 'Its instructions';
COMMENT ON COLUMN diversity.distinct_1 IS 'Share of the words that is distinct';
COMMENT ON COLUMN diversity.distinct_2 IS 'Share of the pairs of words that is distinct';
COMMENT ON COLUMN diversity.distinct_3 IS 'Share of the triples of words that is distinct';
COMMENT ON COLUMN diversity.mean_similarity IS 'Jaccard similarity of the triples of two instructions, on the average';
COMMENT ON COLUMN diversity.greatest_similarity IS 'That of the two that are most alike';
COMMENT ON COLUMN diversity.fewest_words IS 'Of the shortest instruction';
COMMENT ON COLUMN diversity.mean_words IS 'On the average';
COMMENT ON COLUMN diversity.most_words IS 'Of the longest instruction';
COMMENT ON COLUMN diversity.mean_apis IS 'APIs that an instruction needs, on the average';
COMMENT ON COLUMN diversity.most_apis IS 'APIs that an instruction needs, at most';
COMMENT ON COLUMN diversity.share_several_apis IS 'Share of the instructions that need several';
