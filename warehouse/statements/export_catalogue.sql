-- Every API that was kept, with its tool and what compression made of its documentation
SELECT
    apis.api_id,
    tools.tool_id,
    tools.tool_name,
    tools.category,
    tools.description AS tool_description,
    tools.collections,
    tools.licence,
    tools.split,
    apis.api_name,
    apis.function_name,
    apis.description,
    apis.protocol,
    apis.method,
    apis.url,
    apis.parameters,
    coalesce(verdicts.example_response, apis.example_response) AS example_response,
    documents.document
FROM apis
JOIN tools USING (tool_id)
LEFT JOIN verdicts USING (api_id)
LEFT JOIN documents USING (api_id)
WHERE coalesce(verdicts.kept, true)
ORDER BY apis.api_id
