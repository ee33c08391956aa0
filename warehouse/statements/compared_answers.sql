-- The answers that sides are made of, as the rules count them; rules are the parameter
SELECT
    judged_answers.judge,
    judged_answers.annotation_id,
    judged_answers.instruction_id,
    instructions.scenario,
    instructions.split,
    annotations.method,
    annotations.model,
    annotations.rules,
    annotations.offer,
    judged_answers.passed,
    judged_answers.label,
    judged_answers.set_aside,
    annotations.n_calls,
    annotations.tokens_in + annotations.tokens_out AS tokens,
    annotations.cost_usd,
    answer_steps.selection_precision,
    answer_steps.selection_recall,
    answer_steps.selection_f1,
    answer_steps.n_failed,
    answer_steps.n_repeated,
    answer_steps.recovered::INTEGER AS recovered
FROM judged_answers
JOIN annotations USING (annotation_id)
JOIN answer_steps USING (annotation_id)
JOIN instructions ON instructions.instruction_id = judged_answers.instruction_id
WHERE judged_answers.rules = ?
ORDER BY judged_answers.annotation_id
