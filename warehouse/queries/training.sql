-- How a chat model learned: loss in at most sixty groups of steps, on what was held out, and how preferences grew
WITH numbered AS (
    SELECT *, ntile(60) OVER (PARTITION BY model_digest, phase ORDER BY step) AS part
    FROM trainings
)
SELECT
    model_digest,
    chat_models.base,
    chat_models.method,
    chat_models.n_conversations,
    phase,
    max(step) AS step,
    round(avg(numbered.loss), 4) AS loss,
    round(arg_max(evaluation, step), 4) AS held_out,
    round(avg(margin), 4) AS margin,
    max(tokens) AS tokens
FROM numbered
LEFT JOIN chat_models USING (model_digest)
GROUP BY model_digest, chat_models.base, chat_models.method, chat_models.n_conversations, phase, part
ORDER BY model_digest, phase DESC, max(step)
