-- Grain: a stage of the run that is shown
SELECT
    account.stage,
    account.unit,
    account.n_in,
    account.n_out,
    account.n_rejected,
    account.n_pending,
    stage_no
FROM (
    SELECT unnest(runs.counts) AS account, generate_subscripts(runs.counts, 1) AS stage_no
    FROM runs
    JOIN snapshot USING (run_id)
)
