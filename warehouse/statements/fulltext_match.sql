-- The best matches first; a word of the instruction counts more than one of its answer
SELECT
    instruction_id,
    annotation_id,
    scenario,
    win,
    query,
    answer,
    snippet(texts, 0, '', '', ' ... ', 24) AS query_excerpt,
    snippet(texts, 1, '', '', ' ... ', 24) AS answer_excerpt
FROM texts
WHERE texts MATCH ?1
ORDER BY bm25(texts, 2.0, 1.0), rowid
LIMIT ?2
