-- Grain: a search, with what its calls say of how it went; branches that were left count, too
WITH calls AS (
    SELECT
        annotation_id,
        node_id,
        function,
        coalesce(outcome, 'ok') <> 'ok' AS failed,
        outcome IS NULL AND observation IS NULL AS is_cut,
        row_number() OVER (PARTITION BY annotation_id, function, arguments ORDER BY node_id) > 1 AS repeated
    FROM nodes
    WHERE kind = 'action_input' AND function <> 'Finish'
),
called AS (
    SELECT
        annotation_id,
        count(*) AS n_calls,
        CASE WHEN NOT bool_or(is_cut) THEN count(*) FILTER (WHERE failed) END AS n_failed,
        CASE WHEN NOT bool_or(is_cut) THEN count(*) FILTER (WHERE repeated) END AS n_repeated,
        -- Counted in pre-order, in which a search goes.
        coalesce(max(node_id) FILTER (WHERE NOT failed) > min(node_id) FILTER (WHERE failed), FALSE) AS went_on
    FROM calls
    GROUP BY annotation_id
),
-- The functions of a search in the order of the APIs it was offered; Finish is the last.
offered AS (
    SELECT annotation_id, unnest(list_zip(names, offered_api_ids), recursive := TRUE)
    FROM (
        SELECT
            annotation_id,
            offered_api_ids,
            CASE
                WHEN json_extract_string(functions, '$[0].function.name') IS NULL
                    THEN json_extract_string(functions, '$[*].name')
                ELSE json_extract_string(functions, '$[*].function.name')
            END AS names
        FROM annotations
    )
),
offers AS (
    FROM offered AS offers(annotation_id, function, api_id)
    WHERE api_id IS NOT NULL
),
-- A function that was not offered is a wrong choice.
chosen AS (
    SELECT DISTINCT calls.annotation_id, coalesce(offers.api_id, calls.function) AS api_id
    FROM calls
    LEFT JOIN offers USING (annotation_id, function)
),
needed AS (
    SELECT DISTINCT instruction_id, api_id FROM instruction_apis
),
selection AS (
    SELECT
        annotations.annotation_id,
        (SELECT count(*) FROM chosen WHERE chosen.annotation_id = annotations.annotation_id) AS n_chosen,
        (SELECT count(*) FROM needed WHERE needed.instruction_id = annotations.instruction_id) AS n_needed,
        (
            SELECT count(*)
            FROM chosen
            JOIN needed USING (api_id)
            WHERE chosen.annotation_id = annotations.annotation_id
                AND needed.instruction_id = annotations.instruction_id
        ) AS n_right
    FROM annotations
)
SELECT
    annotations.annotation_id,
    annotations.instruction_id,
    coalesce(called.n_calls, 0) AS n_calls,
    CASE WHEN called.n_calls > 0 THEN n_failed ELSE 0 END AS n_failed,
    CASE WHEN called.n_calls > 0 THEN n_repeated ELSE 0 END AS n_repeated,
    CASE WHEN n_failed > 0 THEN win AND went_on END AS recovered,
    n_chosen,
    n_needed,
    n_right,
    CASE WHEN n_chosen > 0 AND n_needed > 0 THEN n_right / n_chosen END AS selection_precision,
    CASE WHEN n_needed > 0 THEN n_right / n_needed END AS selection_recall,
    CASE WHEN n_needed > 0 THEN 2 * n_right / (n_chosen + n_needed) END AS selection_f1
FROM annotations
JOIN selection USING (annotation_id)
LEFT JOIN called USING (annotation_id);

COMMENT ON COLUMN answer_steps.annotation_id IS 'The search';
COMMENT ON COLUMN answer_steps.instruction_id IS 'The instruction that is answered';
COMMENT ON COLUMN answer_steps.n_calls IS 'Calls in its tree, those of unknown functions among them; e.g. 3';
COMMENT ON COLUMN answer_steps.n_failed IS 'Of these, calls that brought nothing; NULL where what they returned is cut in the file they are of';
COMMENT ON COLUMN answer_steps.n_repeated IS 'Of these, calls of the same function with the same arguments as one before; NULL likewise';
COMMENT ON COLUMN answer_steps.recovered IS 'Whether a later call succeeded and the search ended in an answer; NULL where no call failed, or nothing is known of that';
COMMENT ON COLUMN answer_steps.n_chosen IS 'Different APIs that it called; a function that was not offered counts as one';
COMMENT ON COLUMN answer_steps.n_needed IS 'APIs that the instruction needs; e.g. 2';
COMMENT ON COLUMN answer_steps.n_right IS 'APIs that it called and the instruction needs';
COMMENT ON COLUMN answer_steps.selection_precision IS 'Share of the APIs it called that are needed; NULL where it called none or none are known; e.g. 0.67';
COMMENT ON COLUMN answer_steps.selection_recall IS 'Share of the needed APIs that it called; NULL where none are known; e.g. 1.0';
COMMENT ON COLUMN answer_steps.selection_f1 IS 'Harmonic mean of both; NULL where none are known; e.g. 0.8';
