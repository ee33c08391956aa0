-- A refresh recorded at least the API calls that its searches count
-- At least, because calls are a history: those of an earlier search under the same id stay.  Of imported ones
-- none is recorded.
SELECT annotations.annotation_id, annotations.n_calls, count(DISTINCT calls.node_id) AS n_rows
FROM annotations
LEFT JOIN calls USING (annotation_id)
WHERE EXISTS (SELECT 1 FROM account WHERE stage = 'annotate')
    AND (SELECT kind FROM snapshot) = 'refresh'
    AND annotations.offer <> 'imported'
GROUP BY annotations.annotation_id, annotations.n_calls
HAVING annotations.n_calls > count(DISTINCT calls.node_id)
