-- In a refresh, each stage rejected as many rows as the table of rejects has of it
SELECT funnel.stage, funnel.n_rejected, count(rejects.row_id) AS n_rows
FROM funnel
LEFT JOIN rejects USING (stage)
WHERE (SELECT kind FROM snapshot) = 'refresh'
GROUP BY funnel.stage, funnel.n_rejected
HAVING funnel.n_rejected <> count(rejects.row_id)
