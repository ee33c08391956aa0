-- Grain: an API that is not what it was in the run before
WITH pairs AS (
    SELECT
        coalesce(new.api_id, old.api_id) AS api_id,
        coalesce(new.tool_id, old.tool_id) AS tool_id,
        coalesce(new.api_name, old.api_name) AS api_name,
        old.api_id IS NOT NULL AS was_there,
        new.api_id IS NOT NULL AS is_there,
        old_verdict.kept AS was_kept,
        new_verdict.kept AS is_kept,
        new_verdict.reason,
        new.fingerprint <> old.fingerprint AS differs
    FROM apis AS new
    FULL JOIN before.apis AS old ON old.api_id = new.api_id
    LEFT JOIN verdicts AS new_verdict ON new_verdict.api_id = new.api_id
    LEFT JOIN before.verdicts AS old_verdict ON old_verdict.api_id = old.api_id
),
known AS (
    SELECT DISTINCT api_id FROM probes WHERE run_id <= (SELECT compared_with FROM snapshot)
)
SELECT
    pairs.api_id,
    pairs.tool_id,
    split_part(pairs.tool_id, '/', 1) AS category,
    pairs.api_name,
    CASE
        WHEN NOT is_there THEN 'removed'
        WHEN NOT was_there AND known.api_id IS NULL THEN 'added'
        WHEN NOT was_there OR (is_kept AND NOT was_kept) THEN 'came_back'
        WHEN was_kept AND NOT is_kept THEN 'gone_stale'
        WHEN differs THEN 'changed'
    END AS change,
    CASE WHEN is_there AND NOT is_kept THEN reason END AS detail
FROM pairs
LEFT JOIN known ON known.api_id = pairs.api_id
WHERE (SELECT compared_with FROM snapshot) IS NOT NULL
    AND change IS NOT NULL;

COMMENT ON COLUMN changed_apis.api_id IS 'The API; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN changed_apis.tool_id IS 'Its tool; e.g. Weather/open_meteo';
COMMENT ON COLUMN changed_apis.category IS 'Its category; e.g. Weather';
COMMENT ON COLUMN changed_apis.api_name IS 'Its name in the catalogue; e.g. Forecast';
COMMENT ON COLUMN changed_apis.change IS 'added, removed, changed, gone_stale or came_back; e.g. changed';
COMMENT ON COLUMN changed_apis.detail IS 'How it fails when it is not kept; e.g. server_error';
