-- The run that is shown has a row in runs, of its kind and status
SELECT snapshot.run_id, snapshot.kind, snapshot.status, runs.kind AS kind_in_runs, runs.status AS status_in_runs
FROM snapshot
LEFT JOIN runs USING (run_id)
WHERE runs.run_id IS NULL OR runs.kind <> snapshot.kind OR runs.status <> snapshot.status
