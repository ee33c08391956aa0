-- Every API that an instruction offers, with its tool; nothing but its id when the catalogue lost it
SELECT
    api_id,
    apis.api_name,
    apis.description AS api_description,
    apis.method,
    apis.parameters,
    coalesce(verdicts.example_response, apis.example_response) AS example_response,
    tools.tool_name,
    tools.category
FROM (SELECT DISTINCT unnest(api_ids) AS api_id FROM instructions) AS offered
LEFT JOIN apis USING (api_id)
LEFT JOIN tools USING (tool_id)
LEFT JOIN verdicts USING (api_id)
ORDER BY api_id
