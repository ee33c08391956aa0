-- Instructions whose APIs have changed or died since, which the next refresh replaces
SELECT instruction_id, api_id, reason, relevant
FROM stale_instructions
ORDER BY instruction_id, api_id
