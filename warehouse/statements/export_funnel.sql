-- The account of each stage of the run
SELECT stage, unit, n_in, n_out, n_rejected, n_pending FROM funnel ORDER BY stage_no
