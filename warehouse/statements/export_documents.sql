-- Every API that a retriever can find: that was kept, or came with query files
SELECT
    apis.api_id,
    tools.tool_name,
    apis.api_name,
    apis.description,
    apis.parameters
FROM apis
JOIN tools USING (tool_id)
LEFT JOIN documents USING (api_id)
WHERE documents.api_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM documents)
ORDER BY apis.api_id
