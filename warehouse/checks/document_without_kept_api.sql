-- Every document that was written is of a kept API
SELECT documents.api_id
FROM documents
ANTI JOIN (SELECT api_id FROM verdicts WHERE kept) AS kept USING (api_id)
WHERE EXISTS (SELECT 1 FROM account WHERE stage = 'compress')
