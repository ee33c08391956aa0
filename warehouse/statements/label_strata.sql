-- Answers that nobody has labelled, with what those have in common that are alike
SELECT
    annotations.annotation_id,
    coalesce(instructions.scenario, '') AS scenario,
    coalesce(instructions.split, '') AS split,
    annotations.method,
    coalesce(judged.labels, '') AS labels
FROM annotations
LEFT JOIN instructions USING (instruction_id)
LEFT JOIN (
    SELECT annotation_id, string_agg(label, ', ' ORDER BY judge) AS labels
    FROM judged_answers
    WHERE rules = 'toolloom'
    GROUP BY annotation_id
) AS judged USING (annotation_id)
ANTI JOIN labels USING (annotation_id)
ORDER BY annotations.annotation_id
