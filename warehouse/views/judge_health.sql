-- Grain: a judge
WITH answers AS (
    SELECT subject_id, judge, any_value(instruction_id) AS instruction_id, count(*) AS n,
        max(n_label) AS n_same
    FROM (
        SELECT *, count(*) OVER (PARTITION BY subject_id, judge, label) AS n_label
        FROM evaluations
        WHERE question = 'answer' AND NOT by_rule
    )
    GROUP BY subject_id, judge
),
agreed AS (
    SELECT
        judge,
        count(*) AS n_answers,
        max(n) AS n_votes,
        avg((n_same = n)::INTEGER) FILTER (WHERE n > 1) AS unanimous,
        sum(n) AS n_cast
    FROM answers
    GROUP BY judge
),
pairs AS (
    SELECT
        ahead.judge,
        count(*) AS n_pairs,
        avg((ahead.preferred = behind.preferred AND ahead.preferred <> 'tie')::INTEGER) AS flipped
    FROM preferences AS ahead
    JOIN preferences AS behind ON behind.first_id = ahead.second_id AND behind.second_id = ahead.first_id
        AND behind.judge = ahead.judge AND behind.vote = ahead.vote
    WHERE ahead.first_id < ahead.second_id
    GROUP BY ahead.judge
)
SELECT
    agreed.judge,
    n_answers,
    n_votes,
    unanimous,
    n_answers * n_votes - n_cast AS n_unusable,
    coalesce(n_pairs, 0) AS n_pairs,
    flipped
FROM agreed
LEFT JOIN pairs USING (judge);

COMMENT ON COLUMN judge_health.judge IS 'The model that was asked; e.g. gpt-4o';
COMMENT ON COLUMN judge_health.n_answers IS 'Answers it was asked about';
COMMENT ON COLUMN judge_health.n_votes IS 'How often it was asked about each; e.g. 3';
COMMENT ON COLUMN judge_health.unanimous IS 'Share of answers on which all its votes are the same; e.g. 0.96';
COMMENT ON COLUMN judge_health.n_unusable IS 'Votes that are missing, since its replies held no label';
COMMENT ON COLUMN judge_health.n_pairs IS 'Pairs of answers it was asked about';
COMMENT ON COLUMN judge_health.flipped IS 'Share of these on which it changed its mind with the order; e.g. 0.08';
