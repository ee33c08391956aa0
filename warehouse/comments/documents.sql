-- What the columns of documents mean, each with an example where that says more
COMMENT ON COLUMN documents.api_id IS 'The kept API that it describes; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN documents.document IS 'Its documentation as a model is shown it, JSON text';
COMMENT ON COLUMN documents.response_schema IS 'The keys of an answer worth keeping, JSON text';
COMMENT ON COLUMN documents.tokens_before IS 'Tokens of the documentation as it was; e.g. 3104';
COMMENT ON COLUMN documents.tokens_after IS 'Tokens of the documentation as it is; e.g. 1950';
COMMENT ON COLUMN documents.method IS 'How it got into the budget: as-is, lists, llm or cut; e.g. as-is';
COMMENT ON COLUMN documents.tokenizer IS 'What counted the tokens; e.g. o200k';
COMMENT ON COLUMN documents.conditions IS 'Digest of what it was made from besides the example response';
COMMENT ON COLUMN documents.outline IS 'What answers of the API have in common, JSON text';
