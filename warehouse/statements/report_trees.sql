-- The trees of searches, as JSON arrays of nodes in pre-order; ?1: ids of searches, ?2: longest observation
SELECT
    annotation_id,
    '[' || string_agg(
        json_array(
            node_id,
            parent_id,
            kind,
            query_no,
            thought,
            CASE WHEN kind = 'action_input' THEN function END,
            CASE WHEN length(arguments) > 4 * ?2 THEN left(arguments, 4 * ?2) || ' …' ELSE arguments END,
            CASE WHEN length(observation) > ?2 THEN left(observation, ?2) || ' …' ELSE observation END,
            outcome,
            finish_reason,
            on_answer_path
        )::VARCHAR,
        ','
        ORDER BY node_id
    ) || ']' AS nodes
FROM nodes
WHERE annotation_id IN (SELECT unnest(?1))
GROUP BY annotation_id
