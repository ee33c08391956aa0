-- How searches ended
SELECT
    method,
    stopped_by,
    count(*) AS n_searches,
    round(avg(n_queries), 2) AS mean_queries,
    round(avg(n_calls), 2) AS mean_calls
FROM annotations
GROUP BY method, stopped_by
ORDER BY method, n_searches DESC, stopped_by
