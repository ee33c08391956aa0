SELECT
    count(*),
    coalesce(sum(length(value)), 0),
    count(*) FILTER (WHERE key NOT IN (SELECT key FROM temp.wanted)),
    coalesce(sum(length(value)) FILTER (WHERE key NOT IN (SELECT key FROM temp.wanted)), 0)
FROM entries;
