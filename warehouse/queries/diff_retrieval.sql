-- How retrievers fare since the run before: how many lists of the first five are others, and NDCG@5 in each
WITH both_measured AS (
    SELECT
        new.retriever,
        old.top[:5] <> new.top[:5] AS is_another_list,
        old.n_apis AS n_apis_before,
        new.n_apis,
        old.ranks AS ranks_before,
        new.ranks
    FROM retrieval_ranks AS new
    JOIN before.retrieval_ranks AS old USING (retriever, instruction_id)
)
SELECT
    retriever,
    count(*) AS instructions,
    count(*) FILTER (is_another_list) AS other_top_5,
    max(n_apis_before) AS n_apis_before,
    max(n_apis) AS n_apis,
    round(avg(
        coalesce(list_sum([1 / log2(r + 1) FOR r IN ranks_before IF r <= 5]), 0)
        / list_sum([1 / log2(i + 1) FOR i IN range(1, least(len(ranks_before), 5) + 1)])
    ), 4) AS ndcg_5_before,
    round(avg(
        coalesce(list_sum([1 / log2(r + 1) FOR r IN ranks IF r <= 5]), 0)
        / list_sum([1 / log2(i + 1) FOR i IN range(1, least(len(ranks), 5) + 1)])
    ), 4) AS ndcg_5
FROM both_measured
GROUP BY retriever
ORDER BY retriever
