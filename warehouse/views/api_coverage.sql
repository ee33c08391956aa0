-- Grain: a kept API
SELECT
    apis.api_id,
    apis.tool_id,
    tools.category,
    tools.split,
    coalesce(drawn.n, 0) AS n_samples,
    coalesce(offered.n, 0) AS n_offered,
    coalesce(needed.n, 0) AS n_relevant
FROM verdicts
JOIN apis USING (api_id)
LEFT JOIN tools USING (tool_id)
LEFT JOIN (
    SELECT api_id, count(*) AS n
    FROM (SELECT unnest(api_ids) AS api_id FROM samples)
    GROUP BY api_id
) AS drawn USING (api_id)
LEFT JOIN (
    SELECT api_id, count(DISTINCT instruction_id) AS n
    FROM (SELECT instruction_id, unnest(api_ids) AS api_id FROM instructions)
    GROUP BY api_id
) AS offered USING (api_id)
LEFT JOIN (
    SELECT relevant.api_id AS api_id, count(DISTINCT instruction_id) AS n
    FROM (SELECT instruction_id, unnest(relevant_apis) AS relevant FROM instructions)
    GROUP BY relevant.api_id
) AS needed USING (api_id)
WHERE verdicts.kept;

COMMENT ON COLUMN api_coverage.api_id IS 'The kept API; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN api_coverage.tool_id IS 'Its tool';
COMMENT ON COLUMN api_coverage.category IS 'Its category';
COMMENT ON COLUMN api_coverage.split IS 'Its split';
COMMENT ON COLUMN api_coverage.n_samples IS 'Sets of APIs that it was drawn into';
COMMENT ON COLUMN api_coverage.n_offered IS 'Instructions that it is offered with';
COMMENT ON COLUMN api_coverage.n_relevant IS 'Instructions that need it';
