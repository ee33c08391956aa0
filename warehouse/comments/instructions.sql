-- What the columns of instructions mean, each with an example where that says more
COMMENT ON COLUMN instructions.instruction_id IS 'The id of the candidate that was selected';
COMMENT ON COLUMN instructions.sample_id IS 'The APIs that it was written for';
COMMENT ON COLUMN instructions.scenario IS 'G1 (one tool), G2 (one category) or G3 (one collection); e.g. G2';
COMMENT ON COLUMN instructions.split IS 'train, test_tool or test_category; e.g. train';
COMMENT ON COLUMN instructions.query IS 'The instruction';
COMMENT ON COLUMN instructions.relevant_apis IS 'The APIs it needs, found in the catalogue';
COMMENT ON COLUMN instructions.api_ids IS 'All APIs that are offered with it';
COMMENT ON COLUMN instructions.api_fingerprints IS 'Theirs when it was written, in that order: a changed one makes it stale';
COMMENT ON COLUMN instructions.n_words IS 'Words of the instruction; e.g. 58';
COMMENT ON COLUMN instructions.model IS 'Who wrote it; e.g. gpt-4o-mini';
COMMENT ON COLUMN instructions.prompt_digest IS 'Digest of the prompts it was asked with';
COMMENT ON COLUMN instructions.seed_ids IS 'The examples it was shown';
COMMENT ON COLUMN instructions.api_list IS 'Of an imported one, JSON text of the documentation of its APIs as the query file gave it';
COMMENT ON COLUMN instructions.distractors IS 'Those of the APIs on offer that were not drawn, and are not needed; null where none were asked for';
