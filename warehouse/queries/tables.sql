-- Tables and views, and what a row of each is
SELECT view_name AS name, comment AS grain
FROM duckdb_views()
WHERE NOT internal AND schema_name = 'main'
ORDER BY view_name
