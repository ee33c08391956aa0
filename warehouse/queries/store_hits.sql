-- How often each stage found in the stores what it asked for, over all runs; what is cached asks nothing
SELECT 'replies' AS store, stage, count(*) AS n_asked, count(*) FILTER (WHERE from_store) AS n_found,
    round(n_found / n_asked, 3) AS hit_rate
FROM llm_calls
WHERE stage <> 'endpoint' -- what an endpoint can do is asked without the store
GROUP BY stage
UNION ALL
SELECT 'calls', 'annotate', count(*) AS n_asked, count(*) FILTER (WHERE origin = 'replayed') AS n_found,
    round(n_found / n_asked, 3)
FROM calls
HAVING count(*) > 0
ORDER BY store DESC, stage
