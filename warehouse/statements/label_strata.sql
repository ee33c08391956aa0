-- Answers for people to label, with what those have in common that are alike: none that a rule decided, none that
-- somebody has labelled, and of equal conversations one
SELECT
    annotations.annotation_id,
    coalesce(instructions.scenario, '') AS scenario,
    coalesce(instructions.split, '') AS split,
    annotations.method,
    coalesce(judged.labels, '') AS labels
FROM annotations
LEFT JOIN instructions USING (instruction_id)
LEFT JOIN (
    SELECT annotation_id, string_agg(label, ', ' ORDER BY judge) AS labels, bool_or(by_rule) AS by_rule
    FROM judged_answers
    WHERE rules = 'toolloom'
    GROUP BY annotation_id
) AS judged USING (annotation_id)
LEFT JOIN (SELECT DISTINCT annotation_id FROM labels) AS labelled ON labelled.annotation_id = annotations.annotation_id
WHERE annotations.finish_type = 'give_answer' AND NOT coalesce(judged.by_rule, false)
QUALIFY row_number() OVER (
    PARTITION BY annotations.instruction_id, annotations.final_answer, hash(annotations.messages)
    ORDER BY labelled.annotation_id IS NULL, annotations.annotation_id
) = 1 AND labelled.annotation_id IS NULL
ORDER BY annotations.annotation_id
