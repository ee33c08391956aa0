-- What a refresh came to: accepted instructions by scenario, and how their searches went
WITH widest AS (
    SELECT annotation_id, max(n_children) AS n_children
    FROM (
        SELECT annotation_id, count(*) AS n_children
        FROM nodes
        WHERE parent_id IS NOT NULL
        GROUP BY annotation_id, parent_id
    )
    GROUP BY annotation_id
)
SELECT
    count(*) AS accepted,
    count(*) FILTER (scenario = 'G1') AS g1,
    count(*) FILTER (scenario = 'G2') AS g2,
    count(*) FILTER (scenario = 'G3') AS g3,
    avg((win)::INTEGER) AS answered,
    avg((n_children > 1)::INTEGER) AS branched,
    avg((finish_type = 'give_up')::INTEGER) AS gave_up
FROM instructions
LEFT JOIN annotations USING (instruction_id)
LEFT JOIN widest USING (annotation_id)
