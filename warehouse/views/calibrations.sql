-- Grain: a judge
WITH judges AS (
    SELECT judge FROM evaluations
    UNION
    SELECT judge FROM preferences
),
labelled AS (
    SELECT judge, count(*) AS n_labels, count(DISTINCT annotation_id) AS n_answers
    FROM judged_answers
    JOIN labels USING (annotation_id)
    WHERE rules = 'toolloom' AND NOT by_rule  -- those no judge has seen
    GROUP BY judge
)
SELECT
    judge,
    coalesce(n_labels, 0) AS n_labels,
    coalesce(n_answers, 0) AS n_answers,
    100 AS n_needed,
    coalesce(n_answers, 0) >= 100 AS calibrated,
    CASE WHEN coalesce(n_answers, 0) >= 100 THEN '' ELSE 'uncalibrated' END AS mark
FROM judges
LEFT JOIN labelled USING (judge);

COMMENT ON COLUMN calibrations.judge IS 'The model that was asked; e.g. gpt-4o';
COMMENT ON COLUMN calibrations.n_labels IS 'Labels that people gave to answers it was asked about; of several people each counts';
COMMENT ON COLUMN calibrations.n_answers IS 'Answers it was asked about that people have labelled';
COMMENT ON COLUMN calibrations.n_needed IS 'Labelled answers from which on its figures count as calibrated: 100';
COMMENT ON COLUMN calibrations.calibrated IS 'Whether so many answers are labelled';
COMMENT ON COLUMN calibrations.mark IS 'The word that its figures carry: uncalibrated, or nothing';
