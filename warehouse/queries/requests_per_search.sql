-- How many requests to the model searches took, those that answered and those that did not
SELECT n_queries, method, win, count(*) AS n_searches
FROM annotations
GROUP BY n_queries, method, win
ORDER BY n_queries, method, win
