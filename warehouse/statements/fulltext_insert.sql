INSERT INTO texts (query, answer, instruction_id, annotation_id, scenario, win) VALUES (?, ?, ?, ?, ?, ?)
