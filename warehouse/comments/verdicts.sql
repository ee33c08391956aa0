-- What the columns of verdicts mean, each with an example where that says more
COMMENT ON COLUMN verdicts.api_id IS 'The API that was probed; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN verdicts.works IS 'Whether it answers at all';
COMMENT ON COLUMN verdicts.effective IS 'Whether it answers in time and says something';
COMMENT ON COLUMN verdicts.kept IS 'Whether it may be taught: it works and is effective';
COMMENT ON COLUMN verdicts.reason IS 'The word that decided; e.g. ok';
COMMENT ON COLUMN verdicts.median_latency_ms IS 'Milliseconds of its good answers';
COMMENT ON COLUMN verdicts.n_attempts IS 'How many tries it took';
COMMENT ON COLUMN verdicts.example_response IS 'A real answer, JSON text';
COMMENT ON COLUMN verdicts.probed_at IS 'When its last try began';
COMMENT ON COLUMN verdicts.conditions IS 'Digest of what decided besides the world';
COMMENT ON COLUMN verdicts.example_arguments IS 'What the call was made with that gave the example response, JSON text';
COMMENT ON COLUMN verdicts.detail IS 'Why nothing came back, or nothing was called, where that is so';
