-- The twenty APIs that searches called most, and how many of the calls were answered well
SELECT api_id, count(*) AS n_calls, count(*) FILTER (outcome = 'ok') AS n_ok
FROM calls
GROUP BY api_id
ORDER BY n_calls DESC, api_id
LIMIT 20
