-- What the columns of labels mean, each with an example where that says more
COMMENT ON COLUMN labels.annotation_id IS 'The search whose answer it is';
COMMENT ON COLUMN labels.person IS 'Who labelled it; e.g. ada';
COMMENT ON COLUMN labels.instruction_id IS 'The instruction that is answered';
COMMENT ON COLUMN labels.label IS 'Solved, Unsure or Unsolved; e.g. Solved';
COMMENT ON COLUMN labels.note IS 'What the person remarked, if anything';
COMMENT ON COLUMN labels.seen IS 'Digest of the answer and of the calls as they were labelled';
