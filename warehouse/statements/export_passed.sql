-- Every answer that was judged, and why it is left out of what passed; NULL when it is not.  Every judge counts
SELECT
    annotation_id,
    CASE
        WHEN bool_or(set_aside) THEN 'it is not certain that its task can be solved'
        WHEN min(passed) < 1 THEN 'its answer did not pass'
    END AS left_out
FROM judged_answers
WHERE rules = 'toolloom'
GROUP BY annotation_id
