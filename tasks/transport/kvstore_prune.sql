DELETE FROM entries
WHERE key NOT IN (SELECT key FROM temp.wanted) AND coalesce(stored_at, ?) < ?;
