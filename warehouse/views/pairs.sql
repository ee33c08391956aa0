-- Grain: two replies of a search at the same point, one on the way to the answer and one that led nowhere
WITH replies AS (
    SELECT
        annotation_id,
        query_no,
        arg_min(parent_id, node_id) AS point,
        min(node_id) AS node_id,
        max(node_id) AS last_id,
        min(depth) AS depth,
        bool_and(on_answer_path) AS on_answer_path,
        bool_or(pruned) AS pruned,
        -- As it is compared: neither spaces nor the order of arguments matter.
        list(
            CASE
                WHEN json_valid(arguments) AND json_type(arguments) = 'OBJECT'
                    THEN list_prepend(function, list_sort(
                        list_transform(
                            json_keys(arguments),
                            lambda name: name || '=' || json_extract(arguments, '$."' || name || '"')::VARCHAR
                        )
                    ))
                ELSE [function, arguments]
            END
            ORDER BY node_id
        )
            FILTER (WHERE kind = 'action_input') AS calls,
        list(outcome ORDER BY node_id) FILTER (WHERE outcome IS NOT NULL) AS outcomes,
        bool_or(repaired) AS repaired,
        coalesce(max(finish_reason), '') AS finish_reason
    FROM nodes
    WHERE query_no IS NOT NULL AND kind <> 'root'
    GROUP BY annotation_id, query_no
),
-- What became of each that was left: of the reply and of all below it, up to where its search went elsewhere.
left_replies AS (
    SELECT
        replies.*,
        coalesce(
            (
                SELECT min(nodes.node_id)
                FROM nodes
                WHERE nodes.annotation_id = replies.annotation_id
                    AND nodes.node_id > replies.node_id
                    AND nodes.depth <= replies.depth
            ),
            (SELECT max(nodes.node_id) + 1 FROM nodes WHERE nodes.annotation_id = replies.annotation_id)
        ) AS end_id
    FROM replies
    WHERE NOT on_answer_path
),
ended AS (
    SELECT
        left_replies.annotation_id,
        left_replies.query_no,
        list(DISTINCT nodes.outcome) FILTER (WHERE nodes.outcome IS NOT NULL) AS below
    FROM left_replies
    JOIN nodes
        ON nodes.annotation_id = left_replies.annotation_id
        AND nodes.node_id >= left_replies.node_id
        AND nodes.node_id < left_replies.end_id
    GROUP BY ALL
),
labelled AS (
    SELECT
        left_replies.*,
        CASE
            WHEN list_contains(outcomes, 'unknown_function') THEN 'hallucinated_name'
            WHEN list_has_any(outcomes, ['invalid_arguments', 'bad_finish']) THEN 'invalid_arguments'
            WHEN list_has_any(outcomes, ['client_error', 'not_found', 'error_message']) THEN 'api_error'
            WHEN list_contains(outcomes, 'empty') THEN 'empty'
            WHEN list_contains(outcomes, 'gave_up') THEN 'gave_up'
            WHEN list_contains(below, 'gave_up') THEN 'dead_end'
            WHEN pruned THEN 'judged_worse'
        END AS reason
    FROM left_replies
    JOIN ended USING (annotation_id, query_no)
    -- Nothing is learned of who was let down by a server, nor of a way that also led to an answer.
    WHERE NOT list_has_any(
        coalesce(below, []),
        [
            'answered', 'refused', 'empty_reply', 'rate_limited', 'timeout', 'unsubscribed', 'unauthorized',
            'connection_error', 'server_error', 'blocked', 'unsafe_skipped', 'not_recorded', 'too_large',
            'html', 'login_page'
        ]
    )
        AND calls IS NOT NULL
        AND finish_reason <> 'length'
)
SELECT
    chosen.annotation_id,
    annotations.instruction_id,
    chosen.point,
    chosen.node_id AS chosen_node,
    labelled.node_id AS rejected_node,
    labelled.reason,
    -- By name: arguments that had to be mended are other text for the same call.
    EXISTS (
        FROM replies
        WHERE replies.annotation_id = labelled.annotation_id
            AND replies.on_answer_path
            AND list_has_any(
                list_transform(replies.calls, lambda call: call[1]),
                list_filter(
                    list_transform(labelled.calls, lambda call: call[1]), lambda function: function <> 'Finish'
                )
            )
    ) AS came_later
FROM replies AS chosen
JOIN labelled USING (annotation_id, point)
JOIN annotations USING (annotation_id)
WHERE chosen.on_answer_path
    AND annotations.win
    AND labelled.reason IS NOT NULL
    AND chosen.calls IS NOT NULL
    -- What is preferred must not have failed itself, nor have been written so that it had to be mended.
    AND list_has_all(['ok', 'answered'], chosen.outcomes)
    AND NOT chosen.repaired
    AND chosen.calls <> labelled.calls
-- One of a kind at a point says it: the earliest.
QUALIFY row_number() OVER (
    PARTITION BY chosen.annotation_id, chosen.point, labelled.reason ORDER BY labelled.node_id
) = 1;

COMMENT ON COLUMN pairs.annotation_id IS 'The search';
COMMENT ON COLUMN pairs.instruction_id IS 'Its instruction';
COMMENT ON COLUMN pairs.point IS 'The node after which both replies came; 0 is the beginning';
COMMENT ON COLUMN pairs.chosen_node IS 'First node of the reply on the way to the answer';
COMMENT ON COLUMN pairs.rejected_node IS 'First node of the reply that led nowhere';
COMMENT ON COLUMN pairs.reason IS 'Why it led nowhere: hallucinated_name, invalid_arguments, api_error, empty, gave_up, dead_end (all that followed gave up) or judged_worse (pruned)';
COMMENT ON COLUMN pairs.came_later IS 'Whether the way to the answer calls the same function elsewhere: then the rejected reply was early rather than wrong';
