-- Grain: an API that an instruction needs
SELECT
    needed.instruction_id,
    needed.scenario,
    needed.split,
    needed.relevant.api_id AS api_id,
    needed.relevant.tool_name AS tool_name,
    needed.relevant.api_name AS api_name,
    apis.tool_id,
    tools.category
FROM (
    SELECT instruction_id, scenario, split, unnest(relevant_apis) AS relevant
    FROM instructions
) AS needed
LEFT JOIN apis ON apis.api_id = needed.relevant.api_id
LEFT JOIN tools ON tools.tool_id = apis.tool_id;

COMMENT ON COLUMN instruction_apis.instruction_id IS 'The instruction';
COMMENT ON COLUMN instruction_apis.scenario IS 'G1, G2 or G3; e.g. G2';
COMMENT ON COLUMN instruction_apis.split IS 'train, test_tool or test_category; e.g. train';
COMMENT ON COLUMN instruction_apis.api_id IS 'An API that it needs; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN instruction_apis.tool_name IS 'The API''s tool, as instructions name it';
COMMENT ON COLUMN instruction_apis.api_name IS 'The API''s name';
COMMENT ON COLUMN instruction_apis.tool_id IS 'The API''s tool; NULL when it is gone';
COMMENT ON COLUMN instruction_apis.category IS 'The API''s category; NULL when it is gone';
