-- What has changed since the run before
SELECT
    what,
    count(*) FILTER (change = 'added') AS added,
    count(*) FILTER (change = 'removed') AS removed,
    count(*) FILTER (change = 'changed') AS changed,
    count(*) FILTER (change = 'gone_stale') AS gone_stale,
    count(*) FILTER (change = 'came_back') AS came_back
FROM changes
GROUP BY what
ORDER BY array_position(['tool', 'API', 'instruction', 'annotation'], what)
