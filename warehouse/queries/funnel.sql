-- What each stage took in, gave out and refused, the last time it was run
SELECT stage, unit, n_in, n_out, n_rejected, n_pending, round(n_out / nullif(n_in, 0), 3) AS share_out
FROM funnel
ORDER BY stage_no
