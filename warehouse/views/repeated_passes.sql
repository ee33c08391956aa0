-- Grain: rules, a judge, a method by a model, and a number of tries: how likely all of them pass (pass^k)
-- Of n searches of an instruction of which c pass, so many draws of k pass: c! (n - k)! / (n! (c - k)!).
WITH tries AS (
    SELECT
        judged_answers.rules,
        judge,
        annotations.method,
        annotations.model,
        judged_answers.instruction_id,
        count(*) AS n,
        count(*) FILTER (WHERE passed > 0.5) AS c
    FROM judged_answers
    JOIN annotations USING (annotation_id)
    WHERE NOT set_aside
    GROUP BY ALL
),
drawn AS (
    SELECT *, unnest(range(1, n + 1)) AS k FROM tries
)
SELECT
    rules,
    judge,
    method,
    model,
    k,
    count(*) AS n_instructions,
    avg(list_aggregate(list_transform(range(k), lambda i: (c - i) / (n - i)), 'product')) AS all_pass,
    avg(1 - list_aggregate(
        list_transform(range(k), lambda i: greatest(n - c - i, 0) / (n - i)), 'product'
    )) AS any_passes
FROM drawn
GROUP BY ALL;

COMMENT ON COLUMN repeated_passes.rules IS 'By which rules; see the view rules; e.g. toolloom';
COMMENT ON COLUMN repeated_passes.judge IS 'Who judged; e.g. gpt-4o';
COMMENT ON COLUMN repeated_passes.method IS 'How it was searched; e.g. dfsdt';
COMMENT ON COLUMN repeated_passes.model IS 'Who searched; e.g. gpt-4o-mini';
COMMENT ON COLUMN repeated_passes.k IS 'Tries; e.g. 3';
COMMENT ON COLUMN repeated_passes.n_instructions IS 'Instructions that were searched at least so often; searches by other rules or with another offer count as repeated';
COMMENT ON COLUMN repeated_passes.all_pass IS 'How likely all of so many searches of an instruction pass (pass^k), without bias; e.g. 0.61';
COMMENT ON COLUMN repeated_passes.any_passes IS 'How likely one of them passes (pass@k), without bias; e.g. 0.93';
