-- Every API belongs to a tool
SELECT api_id, tool_id FROM apis ANTI JOIN tools USING (tool_id)
