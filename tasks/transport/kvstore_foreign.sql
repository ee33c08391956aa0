-- Anything in the file that a store has not
SELECT 1 FROM sqlite_schema WHERE type NOT IN ('table', 'index') OR tbl_name <> 'entries' LIMIT 1;
