-- The pairs of answers, as the rules count them; rules and judge are the parameters
SELECT annotation_id, against_id, won
FROM judged_pairs
WHERE rules = ? AND judge = ?
ORDER BY annotation_id, against_id
