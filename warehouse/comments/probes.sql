-- What the columns of probes mean, each with an example where that says more
COMMENT ON COLUMN probes.run_id IS 'The run that tried; e.g. 20260301T120000.000Z';
COMMENT ON COLUMN probes.api_id IS 'The API that was called; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN probes.attempt IS 'Number of the try within the run, from 1; e.g. 1';
COMMENT ON COLUMN probes.arguments IS 'JSON text of what it was called with; e.g. {"city":"Oslo"}';
COMMENT ON COLUMN probes.outcome IS 'How it ended; e.g. ok';
COMMENT ON COLUMN probes.http_status IS 'Status of the answer, where one came; e.g. 200';
COMMENT ON COLUMN probes.latency_ms IS 'Milliseconds until the whole answer was there; e.g. 84.2';
COMMENT ON COLUMN probes.content_type IS 'Of the answer; e.g. application/json';
COMMENT ON COLUMN probes.n_bytes IS 'Size of the answer''s body';
COMMENT ON COLUMN probes.body_head IS 'The beginning of the answer''s body';
COMMENT ON COLUMN probes.probed_at IS 'When this try began';
COMMENT ON COLUMN probes.shape IS 'Paths and types of an ok answer, which drift is seen by';
