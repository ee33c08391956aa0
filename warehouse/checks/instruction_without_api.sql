-- Every API that a selected instruction offers is in the catalogue
SELECT offered.instruction_id, offered.api_id
FROM (SELECT instruction_id, unnest(api_ids) AS api_id FROM instructions WHERE model <> 'imported') AS offered
ANTI JOIN apis USING (api_id)
WHERE EXISTS (SELECT 1 FROM account WHERE stage = 'select')
