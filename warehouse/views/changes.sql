-- Grain: a tool, API, instruction or annotation that is not what it was in the run before
WITH known AS (
    SELECT DISTINCT row_id AS annotation_id
    FROM llm_calls
    WHERE stage = 'annotate' AND run_id <= (SELECT compared_with FROM snapshot)
),
pairs AS (
    SELECT
        coalesce(new.annotation_id, old.annotation_id) AS annotation_id,
        coalesce(new.instruction_id, old.instruction_id) AS instruction_id,
        old.annotation_id IS NOT NULL AS was_there,
        new.annotation_id IS NOT NULL AS is_there,
        (new.final_answer, new.finish_type, new.win, new.n_nodes)
            IS DISTINCT FROM (old.final_answer, old.finish_type, old.win, old.n_nodes) AS differs,
        coalesce(new.final_answer, old.final_answer) AS final_answer
    FROM annotations AS new
    FULL JOIN before.annotations AS old ON old.annotation_id = new.annotation_id
),
all_instructions AS (
    SELECT instruction_id, api_ids, query FROM instructions
    UNION
    SELECT instruction_id, api_ids, query FROM before.instructions
),
changed_annotations AS (
    SELECT
        pairs.annotation_id,
        split_part(all_instructions.api_ids[1], '/', 1) AS category,
        coalesce(pairs.final_answer, all_instructions.query) AS shown,
        CASE
            WHEN NOT was_there AND known.annotation_id IS NULL THEN 'added'
            WHEN NOT was_there THEN 'came_back'
            WHEN instruction.change IN ('gone_stale', 'came_back') THEN instruction.change
            WHEN NOT is_there THEN 'removed'
            WHEN differs THEN 'changed'
        END AS change,
        instruction.stale_api_id
    FROM pairs
    LEFT JOIN known ON known.annotation_id = pairs.annotation_id
    LEFT JOIN all_instructions ON all_instructions.instruction_id = pairs.instruction_id
    LEFT JOIN changed_instructions AS instruction ON instruction.instruction_id = pairs.instruction_id
    WHERE (SELECT compared_with FROM snapshot) IS NOT NULL
)
SELECT 'tool' AS what, tool_id AS id, category, change, tool_name AS shown, detail FROM changed_tools
UNION ALL
SELECT 'API', api_id, category, change, api_name, detail FROM changed_apis
UNION ALL
SELECT
    'instruction', instruction_id, category, change, query,
    CASE change WHEN 'gone_stale' THEN 'because of ' || stale_api_id END
FROM changed_instructions
UNION ALL
SELECT
    'annotation', annotation_id, category, change, shown,
    CASE change WHEN 'gone_stale' THEN 'because of ' || stale_api_id END
FROM changed_annotations
WHERE change IS NOT NULL;

COMMENT ON COLUMN changes.what IS 'tool, API, instruction or annotation; e.g. API';
COMMENT ON COLUMN changes.id IS 'Its id; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN changes.category IS 'Its category; e.g. Weather';
COMMENT ON COLUMN changes.change IS 'added, removed, changed, gone_stale or came_back; e.g. changed';
COMMENT ON COLUMN changes.shown IS 'Its name, or its text';
COMMENT ON COLUMN changes.detail IS 'What exactly, for people';
