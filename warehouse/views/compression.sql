-- Grain: a way in which documents were shortened, and the tokens it saved
SELECT
    method,
    tokenizer,
    count(*) AS n_apis,
    sum(tokens_before)::BIGINT AS tokens_before,
    sum(tokens_after)::BIGINT AS tokens_after,
    sum(tokens_before - tokens_after)::BIGINT AS tokens_saved,
    max(tokens_before) AS longest_before,
    max(tokens_after) AS longest_after
FROM documents
GROUP BY method, tokenizer;

COMMENT ON COLUMN compression.method IS 'as-is (within the budget), lists (a few elements of each), llm (the model chose what to keep) or cut';
COMMENT ON COLUMN compression.tokenizer IS 'What counted the tokens; e.g. o200k';
COMMENT ON COLUMN compression.n_apis IS 'APIs so documented';
COMMENT ON COLUMN compression.tokens_before IS 'Of the whole documents';
COMMENT ON COLUMN compression.tokens_after IS 'Of the documents as models are shown them';
COMMENT ON COLUMN compression.tokens_saved IS 'The difference';
COMMENT ON COLUMN compression.longest_before IS 'Of the longest whole document';
COMMENT ON COLUMN compression.longest_after IS 'Of the longest document as models are shown it';
