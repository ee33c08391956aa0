-- Grain: rules by which votes are counted: three whole sets, and toolloom's with one mending undone
WITH whole AS (
    FROM (VALUES
        ('toolloom', 'majority', 'sets_aside', 'when_opposite', 'both', FALSE),
        ('toolbench', 'coins', 'passes', 'when_different', 'either', FALSE),
        ('toolbench_recorded', 'coins', 'passes', 'when_different', 'either', TRUE),
        ('stable', 'mean', 'ignored', 'when_opposite', 'either', FALSE)
    ) AS whole(rules, votes, unsolvable, status_decides, orders, labels_shuffled)
)
FROM whole
UNION ALL BY NAME
SELECT
    'toolloom, ' || undone.what AS rules,
    coalesce(undone.votes, whole.votes) AS votes,
    coalesce(undone.unsolvable, whole.unsolvable) AS unsolvable,
    coalesce(undone.status_decides, whole.status_decides) AS status_decides,
    coalesce(undone.orders, whole.orders) AS orders,
    coalesce(undone.labels_shuffled, whole.labels_shuffled) AS labels_shuffled
FROM whole, (VALUES
    ('coins for unsure votes', 'coins', NULL, NULL, NULL, NULL),
    ('unsolvable passes', NULL, 'passes', NULL, NULL, NULL),
    ('unsure loses to solved', NULL, NULL, 'when_different', NULL, NULL),
    ('either order', NULL, NULL, NULL, 'either', NULL),
    ('labels shuffled', NULL, NULL, NULL, NULL, TRUE)
) AS undone(what, votes, unsolvable, status_decides, orders, labels_shuffled)
WHERE whole.rules = 'toolloom';

COMMENT ON COLUMN rules.rules IS 'Name of the rules; e.g. toolloom';
COMMENT ON COLUMN rules.votes IS 'majority: more than half of the votes, else half; mean: their mean; coins: the majority after a coin for each unsure vote, as the chance that it passes; e.g. majority';
COMMENT ON COLUMN rules.unsolvable IS 'What becomes of an answer to a task that cannot be solved: sets_aside, passes or ignored; e.g. sets_aside';
COMMENT ON COLUMN rules.status_decides IS 'When labels decide a pair without a vote: when_opposite (Solved against Unsolved) or when_different; e.g. when_opposite';
COMMENT ON COLUMN rules.orders IS 'both: who wins must win in both orders, else it is a tie; either: the mean of the orders; e.g. both';
COMMENT ON COLUMN rules.labels_shuffled IS 'Whether different labels of a pair stand at the wrong answer half of the time, as in the published script when labels are recorded';
