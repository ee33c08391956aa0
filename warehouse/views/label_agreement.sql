-- Grain: two raters of the same answers
WITH pairs AS (
    SELECT
        kind,
        rater,
        other_kind,
        other,
        sum(n) AS n,
        coalesce(sum(n) FILTER (WHERE label = other_label), 0) AS n_same
    FROM label_confusion
    GROUP BY kind, rater, other_kind, other
),
said AS (
    SELECT kind, rater, other_kind, other, label, sum(n) AS n FROM label_confusion GROUP BY ALL
),
said_by_other AS (
    SELECT kind, rater, other_kind, other, other_label AS label, sum(n) AS n FROM label_confusion GROUP BY ALL
),
-- How often two who draw their labels by lot, as often as they gave them, would agree.
chance AS (
    SELECT kind, rater, other_kind, other, sum(said.n * said_by_other.n) AS n_same
    FROM said
    JOIN said_by_other USING (kind, rater, other_kind, other, label)
    GROUP BY kind, rater, other_kind, other
)
SELECT
    kind,
    rater,
    other_kind,
    other,
    pairs.n AS n_answers,
    pairs.n_same / pairs.n AS agreed,
    (pairs.n_same / pairs.n - coalesce(chance.n_same, 0) / (pairs.n * pairs.n))
        / nullif(1 - coalesce(chance.n_same, 0) / (pairs.n * pairs.n), 0) AS kappa
FROM pairs
LEFT JOIN chance USING (kind, rater, other_kind, other);

COMMENT ON COLUMN label_agreement.kind IS 'Of the first rater: judge or person; e.g. judge';
COMMENT ON COLUMN label_agreement.rater IS 'The first rater; e.g. gpt-4o';
COMMENT ON COLUMN label_agreement.other_kind IS 'Of the second rater; e.g. person';
COMMENT ON COLUMN label_agreement.other IS 'The second rater; e.g. ada';
COMMENT ON COLUMN label_agreement.n_answers IS 'Answers that both have labelled';
COMMENT ON COLUMN label_agreement.agreed IS 'Share of them that have the same label; e.g. 0.87';
COMMENT ON COLUMN label_agreement.kappa IS 'Cohen''s kappa: agreement beyond chance; NULL where both always say the same one thing; e.g. 0.71';
