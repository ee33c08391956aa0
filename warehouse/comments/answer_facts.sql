-- What the columns of answer_facts mean, each with an example where that says more
COMMENT ON COLUMN answer_facts.annotation_id IS 'The search whose answer it is';
COMMENT ON COLUMN answer_facts.instruction_id IS 'The instruction that is answered';
COMMENT ON COLUMN answer_facts.finished IS 'Whether the search ended with an answer';
COMMENT ON COLUMN answer_facts.empty IS 'Whether the answer says nothing';
COMMENT ON COLUMN answer_facts.n_calls IS 'Calls on the path of the answer; e.g. 3';
COMMENT ON COLUMN answer_facts.n_failed IS 'Of these, calls that brought nothing; NULL where the steps are cut';
COMMENT ON COLUMN answer_facts.n_unknown IS 'Of these, calls of functions that were not offered';
COMMENT ON COLUMN answer_facts.n_invalid IS 'Of these, calls that lack an argument which the function needs, or whose arguments are no object; NULL where one''s are cut';
COMMENT ON COLUMN answer_facts.n_values IS 'Numbers, dates, codes and quoted names that the answer states and the instruction does not; e.g. 4';
COMMENT ON COLUMN answer_facts.n_backed IS 'Those of them that stand in what the calls returned; NULL where that is cut and not all do; e.g. 4';
COMMENT ON COLUMN answer_facts.unbacked IS 'The others: worked out, rounded, known by heart, or made up';
COMMENT ON COLUMN answer_facts.certain IS 'The label that follows without a judge, if one does; e.g. Unsolved';
