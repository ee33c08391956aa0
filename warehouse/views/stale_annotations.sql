-- Grain: an annotation whose instruction offers an API that is no longer what it was
WITH offered AS (
    SELECT instruction_id, unnest(api_ids) AS api_id, unnest(api_fingerprints) AS fingerprint
    FROM instructions
),
stale AS (
    SELECT
        offered.instruction_id,
        offered.api_id,
        CASE WHEN apis.api_id IS NULL THEN 'gone' WHEN NOT verdicts.kept THEN 'not_kept' ELSE 'changed' END AS reason
    FROM offered
    LEFT JOIN apis ON apis.api_id = offered.api_id
    LEFT JOIN verdicts ON verdicts.api_id = offered.api_id
    WHERE apis.api_id IS NULL OR NOT verdicts.kept OR apis.fingerprint <> offered.fingerprint
)
SELECT
    annotations.annotation_id,
    annotations.instruction_id,
    min(stale.api_id) AS api_id,
    min_by(stale.reason, stale.api_id) AS reason
FROM annotations
JOIN stale ON stale.instruction_id = annotations.instruction_id
GROUP BY annotations.annotation_id, annotations.instruction_id;

COMMENT ON COLUMN stale_annotations.annotation_id IS 'The search';
COMMENT ON COLUMN stale_annotations.instruction_id IS 'What was searched for';
COMMENT ON COLUMN stale_annotations.api_id IS 'The first API that is no longer what it was; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN stale_annotations.reason IS 'gone, not_kept or changed; e.g. changed';
