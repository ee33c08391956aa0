-- In a refresh, each stage put out as many rows as its table has
-- The tables of instructions and searches also hold what `toolloom annotate` put beside.
SELECT account.stage, account.n_out, output.n_rows
FROM account
JOIN (
    SELECT 'crawl' AS stage, count(*) AS n_rows FROM apis
    UNION ALL
    SELECT 'probe', count(*) FROM verdicts WHERE kept
    UNION ALL
    SELECT 'compress', count(*) FROM documents
    UNION ALL
    SELECT 'sample', count(*) FROM samples
    UNION ALL
    SELECT 'propose', count(*) FROM candidates
    UNION ALL
    SELECT 'select', count(*) FROM instructions
    UNION ALL
    SELECT 'annotate', count(*) FROM annotations
) AS output USING (stage)
WHERE (SELECT kind FROM snapshot) = 'refresh'
    AND account.n_out <> output.n_rows
    AND NOT (account.stage IN ('select', 'annotate') AND account.n_out < output.n_rows)
