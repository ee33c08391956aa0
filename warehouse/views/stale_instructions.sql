-- Grain: an API of an instruction that is no longer what it was
SELECT
    offered.instruction_id,
    offered.api_id,
    CASE
        WHEN apis.api_id IS NULL THEN 'gone'
        WHEN NOT verdicts.kept THEN 'not_kept'
        ELSE 'changed'
    END AS reason,
    needed.api_id IS NOT NULL AS relevant
FROM (
    SELECT instruction_id, unnest(api_ids) AS api_id, unnest(api_fingerprints) AS fingerprint
    FROM instructions
) AS offered
LEFT JOIN apis ON apis.api_id = offered.api_id
LEFT JOIN verdicts ON verdicts.api_id = offered.api_id
LEFT JOIN (
    SELECT DISTINCT instruction_id, relevant.api_id AS api_id
    FROM (SELECT instruction_id, unnest(relevant_apis) AS relevant FROM instructions)
) AS needed ON needed.instruction_id = offered.instruction_id AND needed.api_id = offered.api_id
WHERE apis.api_id IS NULL
    OR NOT verdicts.kept
    OR apis.fingerprint <> offered.fingerprint;

COMMENT ON COLUMN stale_instructions.instruction_id IS 'The instruction';
COMMENT ON COLUMN stale_instructions.api_id IS 'The API that is no longer what it was; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN stale_instructions.reason IS 'gone, not_kept or changed; e.g. changed';
COMMENT ON COLUMN stale_instructions.relevant IS 'Whether the instruction needs it, or was only offered it';
