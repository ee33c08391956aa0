-- A vote is on an answer or an instruction that is there
SELECT evaluations.subject_id, evaluations.question
FROM evaluations
LEFT JOIN annotations ON annotations.annotation_id = evaluations.subject_id
LEFT JOIN instructions ON instructions.instruction_id = evaluations.subject_id
WHERE coalesce(annotations.annotation_id, instructions.instruction_id) IS NULL
UNION ALL
SELECT preferences.first_id, 'preference'
FROM preferences
LEFT JOIN annotations AS ahead ON ahead.annotation_id = preferences.first_id
LEFT JOIN annotations AS behind ON behind.annotation_id = preferences.second_id
WHERE ahead.annotation_id IS NULL OR behind.annotation_id IS NULL
