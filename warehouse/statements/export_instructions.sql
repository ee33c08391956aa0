-- Every instruction, in the order of ids
SELECT * FROM instructions ORDER BY instruction_id
