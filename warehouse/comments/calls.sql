-- What the columns of calls mean, each with an example where that says more
COMMENT ON COLUMN calls.annotation_id IS 'The search that called';
COMMENT ON COLUMN calls.node_id IS 'The node that called';
COMMENT ON COLUMN calls.api_id IS 'The API that was called; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN calls.arguments IS 'JSON text of what it was called with; e.g. {"city":"Oslo"}';
COMMENT ON COLUMN calls.outcome IS 'How it ended; e.g. ok';
COMMENT ON COLUMN calls.http_status IS 'Status of the answer, where one came; e.g. 200';
COMMENT ON COLUMN calls.latency_ms IS 'Milliseconds until the whole answer was there';
COMMENT ON COLUMN calls.origin IS 'real, or replayed from the call store; e.g. real';
COMMENT ON COLUMN calls.recorded_at IS 'When the answer came';
COMMENT ON COLUMN calls.body IS 'The answer';
COMMENT ON COLUMN calls.store_key IS 'Where the call store has the answer';
