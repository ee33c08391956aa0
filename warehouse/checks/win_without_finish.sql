-- The answer path of a search that was won ends with a call of Finish
-- Its observation may follow: what counts is the last message of the model.
SELECT annotation_id
FROM (
    SELECT annotation_id, list_filter(messages, lambda message: message.role = 'assistant')[-1] AS last
    FROM annotations
    WHERE win
)
WHERE NOT coalesce(last.tool_calls[-1].name = 'Finish', false)
