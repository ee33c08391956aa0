-- Rows are pending only in a partial run
SELECT account.stage, account.n_pending, snapshot.status
FROM account, snapshot
WHERE account.n_pending <> 0 AND snapshot.status <> 'partial'
