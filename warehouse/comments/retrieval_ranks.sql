-- What the columns of retrieval_ranks mean, each with an example where that says more
COMMENT ON COLUMN retrieval_ranks.retriever IS 'bm25, or what the model is called; e.g. bm25';
COMMENT ON COLUMN retrieval_ranks.instruction_id IS 'Which instruction';
COMMENT ON COLUMN retrieval_ranks.scenario IS 'G1, G2 or G3; e.g. G1';
COMMENT ON COLUMN retrieval_ranks.level IS 'train, or what is held out; e.g. test_tool';
COMMENT ON COLUMN retrieval_ranks.n_apis IS 'How many APIs were ranked';
COMMENT ON COLUMN retrieval_ranks.names_tool IS 'Whether the instruction says the name of a tool that it needs';
COMMENT ON COLUMN retrieval_ranks.ranks IS 'Of the APIs that it needs, from 1, ascending; e.g. [1, 4]';
COMMENT ON COLUMN retrieval_ranks.twin_ranks IS 'Likewise, where APIs that say the same of themselves count as one; e.g. [1, 3]';
COMMENT ON COLUMN retrieval_ranks.top IS 'The ten that come first';
