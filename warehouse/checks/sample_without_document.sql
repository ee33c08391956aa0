-- Every API that was drawn has a document
SELECT drawn.sample_id, drawn.api_id
FROM (SELECT sample_id, unnest(api_ids) AS api_id FROM samples) AS drawn
ANTI JOIN documents USING (api_id)
WHERE EXISTS (SELECT 1 FROM account WHERE stage = 'sample')
