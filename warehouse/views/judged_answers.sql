-- Grain: an answer, a judge, and rules by which its votes are counted
WITH tasks AS (
    SELECT
        subject_id AS instruction_id,
        judge,
        CASE
            WHEN 2 * count(*) FILTER (WHERE label = 'Solvable') > count(label) THEN 'Solvable'
            WHEN 2 * count(*) FILTER (WHERE label = 'Unsolvable') > count(label) THEN 'Unsolvable'
            ELSE 'Unsure'
        END AS task
    FROM evaluations
    WHERE question = 'task'
    GROUP BY subject_id, judge
),
votes AS (
    SELECT
        subject_id AS annotation_id,
        judge,
        any_value(instruction_id) AS instruction_id,
        bool_and(by_rule) AS by_rule,
        count(label) AS n_votes,
        count(*) FILTER (WHERE label = 'Solved') AS n_solved,
        count(*) FILTER (WHERE label = 'Unsure') AS n_unsure,
        count(*) FILTER (WHERE label = 'Unsolved') AS n_unsolved
    FROM evaluations
    WHERE question = 'answer' AND label IS NOT NULL
    GROUP BY subject_id, judge
),
-- What each vote comes to when the task counts, too: passed, a coin, failed.
counted AS (
    SELECT
        rules.rules,
        rules.votes AS counting,
        rules.unsolvable,
        votes.*,
        tasks.task,
        annotations.finish_type,
        CASE
            WHEN rules.unsolvable <> 'passes' THEN n_solved
            WHEN annotations.finish_type = 'none' THEN 0
            WHEN task = 'Unsolvable' THEN n_votes
            ELSE n_solved
        END AS n_passed,
        CASE
            WHEN rules.unsolvable <> 'passes' THEN n_unsure
            WHEN annotations.finish_type = 'none' OR task = 'Unsolvable' THEN 0
            WHEN task = 'Unsure' THEN n_unsure + n_unsolved
            ELSE n_unsure
        END AS n_coins
    FROM votes
    JOIN annotations USING (annotation_id)
    LEFT JOIN tasks ON tasks.instruction_id = votes.instruction_id AND tasks.judge = votes.judge
    CROSS JOIN rules
)
SELECT
    rules,
    judge,
    annotation_id,
    instruction_id,
    task,
    by_rule,
    n_votes,
    n_solved,
    n_unsure,
    n_unsolved,
    CASE
        WHEN 2 * n_solved > n_votes THEN 'Solved'
        WHEN 2 * n_unsolved > n_votes THEN 'Unsolved'
        ELSE 'Unsure'
    END AS label,
    CASE counting
        WHEN 'mean' THEN (n_passed + n_coins / 2) / n_votes
        WHEN 'majority' THEN CASE
            WHEN 2 * n_passed > n_votes THEN 1.0
            WHEN 2 * (n_passed + n_coins) < n_votes THEN 0.0
            ELSE 0.5
        END
        -- Of n coins, k fall on their feet in n! / (k! (n - k)!) of 2^n ways; as many for as against is half.
        ELSE list_sum(list_transform(
            range(n_coins + 1),
            lambda k: factorial(n_coins::INTEGER) / (factorial(k::INTEGER) * factorial((n_coins - k)::INTEGER))
                * CASE
                    WHEN 2 * (n_passed + k) > n_votes THEN 1.0
                    WHEN 2 * (n_passed + k) = n_votes THEN 0.5
                    ELSE 0.0
                END
        )) / pow(2, n_coins)
    END AS passed,
    unsolvable = 'sets_aside' AND coalesce(task, 'Solvable') <> 'Solvable' AS set_aside
FROM counted;

COMMENT ON COLUMN judged_answers.rules IS 'By which rules; see the view rules; e.g. toolloom';
COMMENT ON COLUMN judged_answers.judge IS 'Who judged; e.g. gpt-4o';
COMMENT ON COLUMN judged_answers.annotation_id IS 'The search whose answer it is';
COMMENT ON COLUMN judged_answers.instruction_id IS 'The instruction that is answered';
COMMENT ON COLUMN judged_answers.task IS 'Whether the task can be solved, by the majority of votes: Solvable, Unsure or Unsolvable; NULL when no judge was asked, Unsure when none could say';
COMMENT ON COLUMN judged_answers.by_rule IS 'Whether the tables left no doubt, so that nobody was asked';
COMMENT ON COLUMN judged_answers.n_votes IS 'Votes on the answer; e.g. 3';
COMMENT ON COLUMN judged_answers.n_solved IS 'Votes for Solved';
COMMENT ON COLUMN judged_answers.n_unsure IS 'Votes for Unsure';
COMMENT ON COLUMN judged_answers.n_unsolved IS 'Votes for Unsolved';
COMMENT ON COLUMN judged_answers.label IS 'The label that more than half of the votes have, else Unsure; e.g. Solved';
COMMENT ON COLUMN judged_answers.passed IS '1 passed, 0 failed, in between where the rules leave it open: a half, a share of votes, or the chance of a coin';
COMMENT ON COLUMN judged_answers.set_aside IS 'Whether the rules leave the answer out of rates, since the task cannot be solved for certain';
