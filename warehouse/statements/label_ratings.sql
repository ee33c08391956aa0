-- What people said of answers
SELECT rater, annotation_id, label FROM ratings WHERE kind = 'person' ORDER BY ALL
