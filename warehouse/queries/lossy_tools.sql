-- Tools that lost more than half of their APIs, those that lost most first
SELECT tool_id, count(*) AS n_apis, count(*) FILTER (kept) AS n_kept
FROM verdicts
JOIN apis USING (api_id)
GROUP BY tool_id
HAVING n_kept < n_apis / 2
ORDER BY n_kept / n_apis, n_apis DESC, tool_id
