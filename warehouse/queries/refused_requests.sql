-- Requests that the model endpoint refused or failed, by stage and by what it said
SELECT stage, error, count(*) AS n_requests, min(row_id) AS example_row_id
FROM llm_calls
WHERE error IS NOT NULL
GROUP BY stage, error
ORDER BY n_requests DESC, stage, error
