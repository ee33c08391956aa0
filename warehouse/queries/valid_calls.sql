-- Which models call functions that were offered, with arguments that fit; by how new the instruction is
WITH counted AS (
    SELECT
        annotations.model,
        annotations.method,
        annotations.offer,
        instructions.split,
        count(DISTINCT annotations.annotation_id) AS n_searches,
        count(nodes.node_id) AS n_calls,
        count(nodes.node_id) FILTER (WHERE nodes.outcome = 'unknown_function') AS n_unknown,
        count(nodes.node_id) FILTER (WHERE nodes.outcome IN ('invalid_arguments', 'bad_finish')) AS n_invalid
    FROM annotations
    LEFT JOIN nodes ON nodes.annotation_id = annotations.annotation_id AND nodes.kind = 'action_input'
    LEFT JOIN instructions ON instructions.instruction_id = annotations.instruction_id
    GROUP BY annotations.model, annotations.method, annotations.offer, instructions.split
)
SELECT *, round(1 - (n_unknown + n_invalid) / nullif(n_calls, 0), 3) AS valid
FROM counted
ORDER BY model, method, offer, split
