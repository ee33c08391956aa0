-- Every verdict of a probing run is on an API of the catalogue
SELECT api_id
FROM verdicts
ANTI JOIN apis USING (api_id)
WHERE EXISTS (SELECT 1 FROM account WHERE stage = 'probe')
