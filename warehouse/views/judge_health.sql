-- Grain: a judge
WITH answers AS (
    SELECT subject_id, judge, count(*) AS n_asked, count(label) AS n, count(DISTINCT label) AS n_labels
    FROM evaluations
    WHERE question = 'answer' AND NOT by_rule
    GROUP BY subject_id, judge
),
voted AS (
    SELECT
        judge,
        count(*) AS n_answers,
        max(n_asked) AS n_votes,
        avg((n_labels = 1)::INTEGER) FILTER (WHERE n > 1) AS unanimous
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
        AND ahead.preferred IS NOT NULL AND behind.preferred IS NOT NULL
    GROUP BY ahead.judge
),
unusable AS (
    SELECT judge, count(*) AS n_unusable
    FROM (
        SELECT judge FROM evaluations WHERE label IS NULL
        UNION ALL
        SELECT judge FROM preferences WHERE preferred IS NULL
    )
    GROUP BY judge
),
-- Of several people who labelled an answer each counts.
people AS (
    SELECT judge, avg((judged_answers.label = labels.label)::INTEGER) AS agreed
    FROM judged_answers
    JOIN labels USING (annotation_id)
    WHERE rules = 'toolloom' AND NOT by_rule
    GROUP BY judge
)
SELECT
    judge,
    coalesce(voted.n_answers, 0) AS n_answers,
    coalesce(n_votes, 0) AS n_votes,
    unanimous,
    coalesce(n_unusable, 0) AS n_unusable,
    coalesce(n_pairs, 0) AS n_pairs,
    flipped,
    calibrations.n_labels,
    agreed,
    mark
FROM calibrations
LEFT JOIN voted USING (judge)
LEFT JOIN pairs USING (judge)
LEFT JOIN unusable USING (judge)
LEFT JOIN people USING (judge);

COMMENT ON COLUMN judge_health.judge IS 'The model that was asked; e.g. gpt-4o';
COMMENT ON COLUMN judge_health.n_answers IS 'Answers it was asked about';
COMMENT ON COLUMN judge_health.n_votes IS 'How often it was asked about each; e.g. 3';
COMMENT ON COLUMN judge_health.unanimous IS 'Share of answers on which all its votes are the same; e.g. 0.96';
COMMENT ON COLUMN judge_health.n_unusable IS 'Votes on answers, tasks and pairs that are missing, since its replies held no label';
COMMENT ON COLUMN judge_health.n_pairs IS 'Pairs of answers on which it voted in both orders';
COMMENT ON COLUMN judge_health.flipped IS 'Share of these on which it changed its mind with the order; e.g. 0.08';
COMMENT ON COLUMN judge_health.n_labels IS 'Labels that people gave to answers it was asked about; of several people each counts';
COMMENT ON COLUMN judge_health.agreed IS 'Share of these that say what most of its votes say; e.g. 0.87';
COMMENT ON COLUMN judge_health.mark IS 'uncalibrated until people have labelled 100 of the answers it was asked about, else nothing';
