-- An instruction keeps one fingerprint for each API it offers
SELECT instruction_id, len(api_ids) AS n_apis, len(api_fingerprints) AS n_fingerprints
FROM instructions
WHERE len(api_ids) <> len(api_fingerprints)
