-- Rows are pending only in a partial run
SELECT funnel.stage, funnel.n_pending, snapshot.status
FROM funnel, snapshot
WHERE funnel.n_pending <> 0 AND snapshot.status <> 'partial'
