-- How well retrievers find what instructions need among all kept APIs: the first five, by scenario and level
SELECT
    retriever,
    scenario,
    level,
    count(*) AS n_instructions,
    max(n_apis) AS n_apis,
    round(avg(ndcg), 3) AS ndcg,
    round(avg(recall), 3) AS recall,
    round(avg(complete), 3) AS complete,
    round(avg(reciprocal_rank), 3) AS reciprocal_rank
FROM retrieval_scores
WHERE k = 5 AND twins = 'apart'
GROUP BY retriever, scenario, level
ORDER BY scenario, level, retriever
