-- How many answers passed by the rules toolloom, by judge, method, scenario and level
SELECT
    judge,
    annotations.method,
    annotations.model,
    CASE WHEN grouping(scenario) = 1 THEN 'all' ELSE scenario END AS scenarios,
    CASE WHEN grouping(split) = 1 THEN 'all' ELSE split END AS splits,
    count(*) FILTER (WHERE NOT set_aside) AS n_answers,
    count(*) FILTER (WHERE set_aside) AS n_set_aside,
    round(avg(passed) FILTER (WHERE NOT set_aside), 3) AS pass_rate
FROM judged_answers
JOIN annotations USING (annotation_id)
JOIN instructions ON instructions.instruction_id = judged_answers.instruction_id
WHERE judged_answers.rules = 'toolloom'
GROUP BY GROUPING SETS (
    (judge, annotations.method, annotations.model),
    (judge, annotations.method, annotations.model, scenario),
    (judge, annotations.method, annotations.model, scenario, split)
)
ORDER BY judge, method, annotations.model, grouping(scenario) DESC, scenario, grouping(split) DESC, split
