-- Grain: rules, a judge, a method by a model as searches were made, and a scenario
SELECT
    judged_answers.rules,
    judge,
    annotations.method,
    annotations.model,
    annotations.rules AS search_rules,
    annotations.offer,
    instructions.scenario,
    count(*) FILTER (WHERE NOT set_aside) AS n_answers,
    count(*) FILTER (WHERE set_aside) AS n_set_aside,
    avg(passed) FILTER (WHERE NOT set_aside) AS pass_rate,
    count(*) FILTER (WHERE label = 'Unsure' AND NOT set_aside) AS n_unsure,
    CASE
        WHEN count(*) FILTER (WHERE NOT set_aside) = count(annotations.cost_usd) FILTER (WHERE NOT set_aside)
            THEN sum(annotations.cost_usd) FILTER (WHERE NOT set_aside)
                / nullif(sum(passed) FILTER (WHERE NOT set_aside), 0)
    END AS usd_per_passed
FROM judged_answers
JOIN annotations USING (annotation_id)
LEFT JOIN instructions ON instructions.instruction_id = annotations.instruction_id
GROUP BY ALL;

COMMENT ON COLUMN pass_rates.rules IS 'By which rules; see the view rules; e.g. toolloom';
COMMENT ON COLUMN pass_rates.judge IS 'Who judged; e.g. gpt-4o';
COMMENT ON COLUMN pass_rates.method IS 'How it was searched; e.g. dfsdt';
COMMENT ON COLUMN pass_rates.model IS 'Who searched; e.g. gpt-4o-mini';
COMMENT ON COLUMN pass_rates.search_rules IS 'Rules of the search; e.g. toolloom';
COMMENT ON COLUMN pass_rates.offer IS 'Which APIs the search was offered; e.g. sampled';
COMMENT ON COLUMN pass_rates.scenario IS 'G1, G2 or G3; e.g. G1';
COMMENT ON COLUMN pass_rates.n_answers IS 'Answers that count';
COMMENT ON COLUMN pass_rates.n_set_aside IS 'Answers left out, since it is not certain that their tasks can be solved';
COMMENT ON COLUMN pass_rates.pass_rate IS 'Share that passed; e.g. 0.87';
COMMENT ON COLUMN pass_rates.n_unsure IS 'Answers that count, on which the judge is of no clear mind';
COMMENT ON COLUMN pass_rates.usd_per_passed IS 'What the searches cost for each answer that passed; NULL where the price of one is unknown';
