-- What the columns of runs mean, each with an example where that says more
COMMENT ON COLUMN runs.run_id IS 'When it started, in UTC; e.g. 20260301T120000.000Z';
COMMENT ON COLUMN runs.kind IS 'The command: refresh, probe and others; e.g. refresh';
COMMENT ON COLUMN runs.as_of IS 'How old what it knows of the world may be';
COMMENT ON COLUMN runs.started_at IS 'When it began';
COMMENT ON COLUMN runs.finished_at IS 'When it was committed';
COMMENT ON COLUMN runs.status IS 'complete or partial; e.g. complete';
COMMENT ON COLUMN runs.config_digest IS 'Digest of the settings that can change a table';
COMMENT ON COLUMN runs.counts IS 'What each stage took in, gave out and refused';
COMMENT ON COLUMN runs.n_requests IS 'Requests to the model that it paid for';
COMMENT ON COLUMN runs.tokens_in IS 'Tokens sent';
COMMENT ON COLUMN runs.tokens_out IS 'Tokens that came back';
COMMENT ON COLUMN runs.cost_usd IS 'What they cost, where prices are known';
