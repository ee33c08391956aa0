-- Grain: a stage that the run shown went through itself
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
);

COMMENT ON COLUMN account.stage IS 'The stage; e.g. select';
COMMENT ON COLUMN account.unit IS 'What it counts in; e.g. instruction';
COMMENT ON COLUMN account.n_in IS 'What went in';
COMMENT ON COLUMN account.n_out IS 'What came out';
COMMENT ON COLUMN account.n_rejected IS 'What was refused';
COMMENT ON COLUMN account.n_pending IS 'What a stopped run has not done yet';
COMMENT ON COLUMN account.stage_no IS 'Its place in the order of stages, from 1';
