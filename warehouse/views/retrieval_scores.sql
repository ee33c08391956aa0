-- Grain: an instruction, a retriever, a cut-off k, and how APIs that say the same are counted
WITH counted AS (
    SELECT retriever, instruction_id, scenario, level, n_apis, names_tool, 'apart' AS twins,
        unnest(ranks) AS rank, generate_subscripts(ranks, 1) AS best
    FROM retrieval_ranks
    UNION ALL
    SELECT retriever, instruction_id, scenario, level, n_apis, names_tool, 'as one' AS twins,
        unnest(twin_ranks) AS rank, generate_subscripts(twin_ranks, 1) AS best
    FROM retrieval_ranks
)
SELECT
    retriever,
    instruction_id,
    scenario,
    level,
    names_tool,
    twins,
    k,
    n_apis,
    count(*) AS n_needed,
    coalesce(sum(1 / log2(rank + 1)) FILTER (WHERE rank <= k), 0)
        / sum(1 / log2(best + 1)) FILTER (WHERE best <= k) AS ndcg,
    count(*) FILTER (WHERE rank <= k) / count(*) AS recall,
    (max(rank) <= k)::INTEGER AS complete,
    1 / min(rank) AS reciprocal_rank
FROM counted
CROSS JOIN unnest([1, 3, 5, 10]) AS cuts(k)
GROUP BY retriever, instruction_id, scenario, level, names_tool, twins, k, n_apis;

COMMENT ON COLUMN retrieval_scores.retriever IS 'bm25, or what the model is called; e.g. bm25';
COMMENT ON COLUMN retrieval_scores.instruction_id IS 'Which instruction';
COMMENT ON COLUMN retrieval_scores.scenario IS 'G1, G2 or G3; e.g. G1';
COMMENT ON COLUMN retrieval_scores.level IS 'train, or what is held out; e.g. test_tool';
COMMENT ON COLUMN retrieval_scores.names_tool IS 'Whether the instruction says the name of a tool that it needs';
COMMENT ON COLUMN retrieval_scores.twins IS 'APIs that say the same of themselves: apart, or counted as one';
COMMENT ON COLUMN retrieval_scores.k IS 'How many of the first are looked at; e.g. 5';
COMMENT ON COLUMN retrieval_scores.n_apis IS 'How many APIs there are to find';
COMMENT ON COLUMN retrieval_scores.n_needed IS 'How many the instruction needs';
COMMENT ON COLUMN retrieval_scores.ndcg IS 'Gain of the first k, as a share of the best that k APIs could gain; e.g. 0.86';
COMMENT ON COLUMN retrieval_scores.recall IS 'Share of the needed APIs that are among the first k; e.g. 0.5';
COMMENT ON COLUMN retrieval_scores.complete IS 'Whether all that is needed is among the first k: 1 or 0';
COMMENT ON COLUMN retrieval_scores.reciprocal_rank IS 'One by the rank of the first API that is needed, whatever k; e.g. 0.5';
