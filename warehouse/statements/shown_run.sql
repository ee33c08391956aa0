-- The run that the views show
SELECT run_id FROM snapshot
