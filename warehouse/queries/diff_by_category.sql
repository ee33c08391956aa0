-- What has changed since the run before, by category
SELECT
    category,
    what,
    count(*) FILTER (change = 'added') AS added,
    count(*) FILTER (change = 'removed') AS removed,
    count(*) FILTER (change = 'changed') AS changed,
    count(*) FILTER (change = 'gone_stale') AS gone_stale,
    count(*) FILTER (change = 'came_back') AS came_back
FROM changes
GROUP BY category, what
ORDER BY category, array_position(['tool', 'API', 'instruction', 'annotation'], what)
