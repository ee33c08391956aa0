-- Grain: a tool that is not what it was in the run before
WITH works AS (
    SELECT tool_id, bool_or(kept) AS kept
    FROM apis LEFT JOIN verdicts USING (api_id)
    GROUP BY tool_id
),
worked AS (
    SELECT old.tool_id, bool_or(verdict.kept) AS kept
    FROM before.apis AS old LEFT JOIN before.verdicts AS verdict ON verdict.api_id = old.api_id
    GROUP BY old.tool_id
),
known AS (
    SELECT DISTINCT regexp_replace(api_id, '/[^/]*$', '') AS tool_id
    FROM probes
    WHERE run_id <= (SELECT compared_with FROM snapshot)
)
SELECT
    coalesce(new.tool_id, old.tool_id) AS tool_id,
    coalesce(new.category, old.category) AS category,
    coalesce(new.tool_name, old.tool_name) AS tool_name,
    CASE
        WHEN new.tool_id IS NULL THEN 'removed'
        WHEN old.tool_id IS NULL AND known.tool_id IS NULL THEN 'added'
        WHEN old.tool_id IS NULL OR (works.kept AND NOT worked.kept) THEN 'came_back'
        WHEN worked.kept AND NOT works.kept THEN 'gone_stale'
        WHEN new.fingerprint <> old.fingerprint THEN 'changed'
    END AS change,
    CASE change WHEN 'gone_stale' THEN 'none of its APIs works' END AS detail
FROM tools AS new
FULL JOIN before.tools AS old ON old.tool_id = new.tool_id
LEFT JOIN works ON works.tool_id = new.tool_id
LEFT JOIN worked ON worked.tool_id = old.tool_id
LEFT JOIN known ON known.tool_id = new.tool_id
WHERE (SELECT compared_with FROM snapshot) IS NOT NULL
    AND change IS NOT NULL;

COMMENT ON COLUMN changed_tools.tool_id IS 'The tool; e.g. Weather/open_meteo';
COMMENT ON COLUMN changed_tools.category IS 'Its category; e.g. Weather';
COMMENT ON COLUMN changed_tools.tool_name IS 'Its name in the catalogue; e.g. Open-Meteo';
COMMENT ON COLUMN changed_tools.change IS 'added, removed, changed, gone_stale or came_back; e.g. changed';
COMMENT ON COLUMN changed_tools.detail IS 'What exactly, for people';
