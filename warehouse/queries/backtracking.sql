-- How many searches of each method had to go back, and answered all the same
WITH pruned AS (
    SELECT annotation_id, count(*) FILTER (pruned) AS n_pruned
    FROM nodes
    GROUP BY annotation_id
)
SELECT
    method,
    count(*) AS n_searches,
    count(*) FILTER (n_pruned > 0) AS n_went_back,
    count(*) FILTER (n_pruned > 0 AND win) AS n_went_back_and_answered
FROM annotations
JOIN pruned USING (annotation_id)
GROUP BY method
ORDER BY method
