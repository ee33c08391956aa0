-- An API that an instruction needs is among those it offers
SELECT instruction_id, relevant.api_id AS api_id
FROM (SELECT instruction_id, api_ids, unnest(relevant_apis) AS relevant FROM instructions)
WHERE NOT list_contains(api_ids, relevant.api_id)
