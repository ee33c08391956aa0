-- A full-text index of instructions and their answers
CREATE VIRTUAL TABLE texts USING fts5(
    query,
    answer,
    instruction_id UNINDEXED,
    annotation_id UNINDEXED,
    scenario UNINDEXED,
    win UNINDEXED,
    tokenize = 'porter unicode61 remove_diacritics 2'
);
