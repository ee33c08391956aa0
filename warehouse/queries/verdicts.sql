-- Why APIs were kept or not
SELECT kept, reason, count(*) AS n_apis, any_value(api_id ORDER BY api_id) AS for_example
FROM verdicts
GROUP BY kept, reason
ORDER BY kept DESC, n_apis DESC, reason
