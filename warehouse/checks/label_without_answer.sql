-- A label is on an answer that is there, and is one of three words
SELECT labels.annotation_id, labels.person, labels.label
FROM labels
LEFT JOIN annotations USING (annotation_id)
WHERE annotations.annotation_id IS NULL OR labels.label NOT IN ('Solved', 'Unsure', 'Unsolved')
