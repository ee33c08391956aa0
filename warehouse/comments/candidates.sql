-- What the columns of candidates mean, each with an example where that says more
COMMENT ON COLUMN candidates.candidate_id IS 'Digest of the sample, the place and the text';
COMMENT ON COLUMN candidates.sample_id IS 'The APIs that it was written for';
COMMENT ON COLUMN candidates.ordinal IS 'Its place among those written for the sample';
COMMENT ON COLUMN candidates.query IS 'The instruction as the model wrote it';
COMMENT ON COLUMN candidates.relevant_apis IS 'The APIs it needs, as the model named them';
COMMENT ON COLUMN candidates.model IS 'Who wrote it; e.g. gpt-4o-mini';
COMMENT ON COLUMN candidates.prompt_digest IS 'Digest of the prompts it was asked with';
COMMENT ON COLUMN candidates.seed_ids IS 'The examples it was shown';
