-- In a refresh, each stage rejected as many rows as the table of rejects has of it
SELECT account.stage, account.n_rejected, count(rejects.row_id) AS n_rows
FROM account
LEFT JOIN rejects ON rejects.stage = account.stage AND rejects.reason <> 'partly_read' -- a remark, no loss
WHERE (SELECT kind FROM snapshot) = 'refresh'
GROUP BY account.stage, account.n_rejected
HAVING account.n_rejected <> count(rejects.row_id)
