-- How deep searches went, those that answered and those that did not
SELECT depth, method, win, count(*) AS n_searches
FROM annotations
GROUP BY depth, method, win
ORDER BY depth, method, win
