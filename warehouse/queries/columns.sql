-- Every column of every table and view, and what it means
SELECT table_name AS name, column_name, data_type, comment AS meaning
FROM duckdb_columns()
WHERE NOT internal AND schema_name = 'main'
ORDER BY table_name, column_index
