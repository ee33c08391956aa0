-- Grain: rules, a judge, a method by a model, those it is compared with, how both searched, and a scenario
SELECT
    judged_pairs.rules,
    judge,
    ours.method,
    ours.model,
    theirs.method AS against,
    theirs.model AS against_model,
    ours.rules AS search_rules,
    theirs.rules AS against_search_rules,
    ours.offer,
    theirs.offer AS against_offer,
    instructions.scenario,
    count(*) AS n_pairs,
    count(*) FILTER (WHERE won > 0.5) AS n_won,
    count(*) FILTER (WHERE won = 0.5) AS n_tied,
    count(*) FILTER (WHERE won < 0.5) AS n_lost,
    avg(won) AS win_rate,
    count(*) FILTER (WHERE judged_pairs.by_rule) AS n_by_rule
FROM judged_pairs
JOIN annotations AS ours ON ours.annotation_id = judged_pairs.annotation_id
JOIN annotations AS theirs ON theirs.annotation_id = judged_pairs.against_id
LEFT JOIN instructions ON instructions.instruction_id = judged_pairs.instruction_id
WHERE NOT judged_pairs.set_aside
GROUP BY ALL;

COMMENT ON COLUMN win_rates.rules IS 'By which rules; see the view rules; e.g. toolloom';
COMMENT ON COLUMN win_rates.judge IS 'Who judged; e.g. gpt-4o';
COMMENT ON COLUMN win_rates.method IS 'How it was searched; e.g. dfsdt';
COMMENT ON COLUMN win_rates.model IS 'Who searched; e.g. gpt-4o-mini';
COMMENT ON COLUMN win_rates.against IS 'The method it is compared with; e.g. react';
COMMENT ON COLUMN win_rates.against_model IS 'Who searched there; e.g. gpt-4o-mini';
COMMENT ON COLUMN win_rates.search_rules IS 'Rules of its search; e.g. toolloom';
COMMENT ON COLUMN win_rates.against_search_rules IS 'Rules of the other search; e.g. toolloom';
COMMENT ON COLUMN win_rates.offer IS 'Which APIs it was offered; e.g. sampled';
COMMENT ON COLUMN win_rates.against_offer IS 'Which APIs the other one was offered; e.g. sampled';
COMMENT ON COLUMN win_rates.scenario IS 'G1, G2 or G3; e.g. G1';
COMMENT ON COLUMN win_rates.n_pairs IS 'Pairs of answers to the same instructions, but for those set aside';
COMMENT ON COLUMN win_rates.n_won IS 'Pairs it won';
COMMENT ON COLUMN win_rates.n_tied IS 'Pairs in which neither is better';
COMMENT ON COLUMN win_rates.n_lost IS 'Pairs it lost';
COMMENT ON COLUMN win_rates.win_rate IS 'Share won, a tie counting half; e.g. 0.61';
COMMENT ON COLUMN win_rates.n_by_rule IS 'Pairs that labels or equal answers decided';
