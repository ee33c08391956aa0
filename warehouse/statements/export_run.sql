-- The run that is exported
SELECT run_id, snapshot.kind, snapshot.status, runs.as_of FROM snapshot JOIN runs USING (run_id)
