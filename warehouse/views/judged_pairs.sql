-- Grain: an answer beside another one to the same instruction, a judge, and rules; each pair from both sides
WITH sides AS (
    SELECT first_id AS annotation_id, second_id AS against_id, judge, instruction_id, by_rule, 'ahead' AS shown,
        CASE preferred WHEN 'first' THEN 1.0 WHEN 'second' THEN 0.0 WHEN 'tie' THEN 0.5 END AS score
    FROM preferences
    UNION ALL
    SELECT second_id, first_id, judge, instruction_id, by_rule, 'behind',
        CASE preferred WHEN 'first' THEN 0.0 WHEN 'second' THEN 1.0 WHEN 'tie' THEN 0.5 END
    FROM preferences
),
orders AS (
    SELECT annotation_id, against_id, judge, instruction_id, shown, bool_and(by_rule) AS by_rule, avg(score) AS score
    FROM sides
    GROUP BY ALL
),
voted AS (
    SELECT
        annotation_id,
        against_id,
        judge,
        instruction_id,
        bool_and(by_rule) AS by_rule,
        avg(score) AS mean,
        CASE WHEN min(score) > 0.5 THEN 1.0 WHEN max(score) < 0.5 THEN 0.0 ELSE 0.5 END AS agreed,
        count(score) AS n_orders,
        count(score) = 2 AND (min(score) > 0.5) <> (max(score) > 0.5) AND min(score) < 0.5 AS flipped
    FROM orders
    GROUP BY annotation_id, against_id, judge, instruction_id
),
-- Counted from the worst: 1 Unsolved, 2 Unsure or no majority, 3 Solved.
labels AS (
    SELECT
        subject_id,
        judge,
        CASE
            WHEN 2 * count(*) FILTER (WHERE label = 'Solved') > count(label) THEN 3
            WHEN 2 * count(*) FILTER (WHERE label = 'Unsolved') > count(label) THEN 1
            ELSE 2
        END AS label
    FROM evaluations
    WHERE question = 'answer' AND label IS NOT NULL
    GROUP BY subject_id, judge
),
-- Whether it is certain that the task can be solved is a matter of the instruction.
aside AS (
    SELECT rules.rules, judge, subject_id AS instruction_id,
        rules.unsolvable = 'sets_aside' AND 2 * count(*) FILTER (WHERE label = 'Solvable') <= count(label) AS set_aside
    FROM evaluations
    CROSS JOIN rules
    WHERE question = 'task'
    GROUP BY rules.rules, rules.unsolvable, judge, subject_id
),
labelled AS (
    SELECT rules.*, voted.*, ours.label AS ours, theirs.label AS theirs
    FROM voted
    CROSS JOIN rules
    LEFT JOIN labels AS ours ON ours.subject_id = voted.annotation_id AND ours.judge = voted.judge
    LEFT JOIN labels AS theirs ON theirs.subject_id = voted.against_id AND theirs.judge = voted.judge
),
decided AS (
    SELECT
        *,
        by_rule AND mean = 0.5 AS same,
        NOT same AND ours IS NOT NULL AND theirs IS NOT NULL AND CASE
            WHEN status_decides = 'when_different' OR labels_shuffled THEN ours <> theirs
            ELSE abs(ours - theirs) = 2
        END AS by_label
    FROM labelled
)
SELECT
    rules,
    judge,
    annotation_id,
    against_id,
    instruction_id,
    CASE
        WHEN by_label AND labels_shuffled THEN 0.5
        WHEN by_label THEN (ours > theirs)::INTEGER::DOUBLE
        WHEN orders = 'both' THEN agreed
        ELSE mean
    END AS won,
    same OR by_label AS by_rule,
    coalesce(flipped, FALSE) AND NOT decided.by_rule AS flipped,
    coalesce(set_aside, FALSE) AS set_aside
FROM decided
LEFT JOIN aside USING (rules, judge, instruction_id)
-- What labels decided once holds as long as they do; a vote on one order alone may be for the place.
WHERE same OR by_label OR (NOT decided.by_rule AND n_orders = 2);

COMMENT ON COLUMN judged_pairs.rules IS 'By which rules; see the view rules; e.g. toolloom';
COMMENT ON COLUMN judged_pairs.judge IS 'Who judged; e.g. gpt-4o';
COMMENT ON COLUMN judged_pairs.annotation_id IS 'The search on whose side the row is';
COMMENT ON COLUMN judged_pairs.against_id IS 'The search it is compared with';
COMMENT ON COLUMN judged_pairs.instruction_id IS 'The instruction of both';
COMMENT ON COLUMN judged_pairs.won IS '1 won, 0 lost, a half for a tie; in between where the rules leave it open';
COMMENT ON COLUMN judged_pairs.by_rule IS 'Whether labels or equal answers decided, and no vote on the pair';
COMMENT ON COLUMN judged_pairs.set_aside IS 'Whether the rules leave the pair out of rates, since the task cannot be solved for certain';
COMMENT ON COLUMN judged_pairs.flipped IS 'Whether the judge preferred another answer when the order was changed';
