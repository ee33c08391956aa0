-- The syntax tree of a query, as DuckDB's own parser sees it.
SELECT json_serialize_sql(CAST(? AS VARCHAR));
