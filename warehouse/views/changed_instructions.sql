-- Grain: an instruction that is not what it was in the run before
WITH offered AS (
    SELECT instruction_id, unnest(api_ids) AS api_id, unnest(api_fingerprints) AS fingerprint
    FROM before.instructions
),
stale_now AS (
    SELECT offered.instruction_id, min(offered.api_id) AS api_id
    FROM offered
    LEFT JOIN apis ON apis.api_id = offered.api_id
    LEFT JOIN verdicts ON verdicts.api_id = offered.api_id
    WHERE apis.api_id IS NULL OR NOT verdicts.kept OR apis.fingerprint <> offered.fingerprint
    GROUP BY offered.instruction_id
),
stale_before AS (
    SELECT DISTINCT offered.instruction_id
    FROM offered
    LEFT JOIN before.apis AS old ON old.api_id = offered.api_id
    LEFT JOIN before.verdicts AS verdict ON verdict.api_id = offered.api_id
    WHERE old.api_id IS NULL OR NOT verdict.kept OR old.fingerprint <> offered.fingerprint
),
offered_now AS (
    SELECT instruction_id, unnest(api_ids) AS api_id, unnest(api_fingerprints) AS fingerprint
    FROM instructions
),
stale_still AS (
    SELECT DISTINCT offered_now.instruction_id
    FROM offered_now
    LEFT JOIN apis ON apis.api_id = offered_now.api_id
    LEFT JOIN verdicts ON verdicts.api_id = offered_now.api_id
    WHERE apis.api_id IS NULL OR NOT verdicts.kept OR apis.fingerprint <> offered_now.fingerprint
),
known AS (
    SELECT DISTINCT annotations.instruction_id
    FROM annotations
    JOIN llm_calls ON llm_calls.row_id = annotations.annotation_id
    WHERE llm_calls.run_id <= (SELECT compared_with FROM snapshot)
)
SELECT
    coalesce(new.instruction_id, old.instruction_id) AS instruction_id,
    split_part(coalesce(new.api_ids, old.api_ids)[1], '/', 1) AS category,
    coalesce(new.scenario, old.scenario) AS scenario,
    coalesce(new.query, old.query) AS query,
    stale_now.api_id AS stale_api_id,
    CASE
        WHEN old.instruction_id IS NULL AND known.instruction_id IS NULL THEN 'added'
        WHEN old.instruction_id IS NULL THEN 'came_back'
        WHEN stale_now.instruction_id IS NOT NULL AND stale_before.instruction_id IS NULL
            AND (new.instruction_id IS NULL OR stale_still.instruction_id IS NOT NULL) THEN 'gone_stale'
        WHEN new.instruction_id IS NULL THEN 'removed'
        WHEN stale_before.instruction_id IS NOT NULL AND stale_still.instruction_id IS NULL THEN 'came_back'
        WHEN new.api_fingerprints <> old.api_fingerprints OR new.relevant_apis <> old.relevant_apis THEN 'changed'
    END AS change
FROM instructions AS new
FULL JOIN before.instructions AS old ON old.instruction_id = new.instruction_id
LEFT JOIN stale_now ON stale_now.instruction_id = old.instruction_id
LEFT JOIN stale_before ON stale_before.instruction_id = old.instruction_id
LEFT JOIN stale_still ON stale_still.instruction_id = new.instruction_id
LEFT JOIN known ON known.instruction_id = new.instruction_id
WHERE (SELECT compared_with FROM snapshot) IS NOT NULL
    AND change IS NOT NULL;

COMMENT ON COLUMN changed_instructions.instruction_id IS 'The instruction';
COMMENT ON COLUMN changed_instructions.category IS 'The category of the first API that it offers; e.g. Weather';
COMMENT ON COLUMN changed_instructions.scenario IS 'G1, G2 or G3; e.g. G1';
COMMENT ON COLUMN changed_instructions.query IS 'What is asked';
COMMENT ON COLUMN changed_instructions.stale_api_id IS 'An API that made it stale; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN changed_instructions.change IS 'added, removed, changed, gone_stale or came_back; e.g. changed';
