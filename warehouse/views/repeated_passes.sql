-- Grain: rules, a judge, a method by a model, and a number of tries: how likely all of them pass (pass^k)
-- Of n searches of an instruction, k are drawn in n! / (k! (n - k)!) ways, and all of a draw pass as likely as the
-- product of what each of them counts, a half where its judge is unsure.  The sum of these products over all draws is
-- the k-th elementary symmetric polynomial, here by its recursion over the searches; of whole passes alone it counts
-- the draws in which all pass.  With k = 1 it is the mean, which is the pass rate.
WITH tries AS (
    SELECT
        judged_answers.rules,
        judge,
        annotations.method,
        annotations.model,
        judged_answers.instruction_id,
        count(*) AS n,
        list(passed::DOUBLE ORDER BY passed) AS counts
    FROM judged_answers
    JOIN annotations USING (annotation_id)
    WHERE NOT set_aside
    GROUP BY ALL
),
-- At place k + 1 the sum over all draws of k: of what passes, and of what fails.
summed AS (
    SELECT
        *,
        list_reduce(
            list_transform(counts, lambda p: [p]),
            lambda sums, p: list_transform(
                range(1, len(sums) + 2),
                lambda i: coalesce(sums[i], 0) + p[1] * CASE WHEN i > 1 THEN sums[i - 1] ELSE 0 END
            ),
            [1.0::DOUBLE]
        ) AS all_pass,
        list_reduce(
            list_transform(counts, lambda p: [1 - p]),
            lambda sums, p: list_transform(
                range(1, len(sums) + 2),
                lambda i: coalesce(sums[i], 0) + p[1] * CASE WHEN i > 1 THEN sums[i - 1] ELSE 0 END
            ),
            [1.0::DOUBLE]
        ) AS none_passes
    FROM tries
),
drawn AS (
    SELECT *, unnest(range(1, n + 1)) AS k FROM summed
),
shares AS (
    SELECT
        * EXCLUDE (all_pass, none_passes),
        list_product(list_transform(range(k), lambda i: (n - i) / (i + 1))) AS n_draws,
        all_pass[k + 1] / n_draws AS all_pass,
        none_passes[k + 1] / n_draws AS none_passes
    FROM drawn
)
SELECT
    rules,
    judge,
    method,
    model,
    k,
    count(*) AS n_instructions,
    avg(all_pass) AS all_pass,
    avg(1 - none_passes) AS any_passes
FROM shares
GROUP BY ALL;

COMMENT ON COLUMN repeated_passes.rules IS 'By which rules; see the view rules; e.g. toolloom';
COMMENT ON COLUMN repeated_passes.judge IS 'Who judged; e.g. gpt-4o';
COMMENT ON COLUMN repeated_passes.method IS 'How it was searched; e.g. dfsdt';
COMMENT ON COLUMN repeated_passes.model IS 'Who searched; e.g. gpt-4o-mini';
COMMENT ON COLUMN repeated_passes.k IS 'Tries; e.g. 3';
COMMENT ON COLUMN repeated_passes.n_instructions IS 'Instructions that were searched at least so often; searches by other rules or with another offer count as repeated';
COMMENT ON COLUMN repeated_passes.all_pass IS 'How likely all of so many searches of an instruction pass (pass^k), without bias, an unsure one counting what it counts in judged_answers; e.g. 0.61';
COMMENT ON COLUMN repeated_passes.any_passes IS 'How likely one of them passes (pass@k), without bias; e.g. 0.93';
