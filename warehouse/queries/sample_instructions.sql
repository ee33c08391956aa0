-- Five instructions; always the same ones, in no particular order
SELECT scenario, query
FROM instructions
ORDER BY md5(instruction_id), instruction_id
LIMIT 5
