-- What the columns of llm_calls mean, each with an example where that says more
COMMENT ON COLUMN llm_calls.run_id IS 'The run that asked; e.g. 20260301T120000.000Z';
COMMENT ON COLUMN llm_calls.stage IS 'The stage that asked; e.g. propose';
COMMENT ON COLUMN llm_calls.row_id IS 'The row that it was asked for';
COMMENT ON COLUMN llm_calls.ordinal IS 'Number of the request within the row';
COMMENT ON COLUMN llm_calls.model IS 'Who was asked; e.g. gpt-4o-mini';
COMMENT ON COLUMN llm_calls.tokens_in IS 'Tokens sent';
COMMENT ON COLUMN llm_calls.tokens_out IS 'Tokens that came back';
COMMENT ON COLUMN llm_calls.cost_usd IS 'What it cost, where prices are known';
COMMENT ON COLUMN llm_calls.latency_ms IS 'Milliseconds until the reply was there';
COMMENT ON COLUMN llm_calls.attempts IS 'How often it was tried';
COMMENT ON COLUMN llm_calls.from_store IS 'Whether a reply paid for before answered it';
COMMENT ON COLUMN llm_calls.error IS 'Why it failed; NULL when it did not';
COMMENT ON COLUMN llm_calls.store_key IS 'Where the reply store has the reply';
