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
LEFT JOIN tools ON tools.tool_id = apis.tool_id
