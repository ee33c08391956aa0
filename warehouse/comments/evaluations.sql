-- What the columns of evaluations mean, each with an example where that says more
COMMENT ON COLUMN evaluations.subject_id IS 'The annotation whose answer is judged; for the question task, the instruction';
COMMENT ON COLUMN evaluations.question IS 'task, answer or answer_alone; e.g. answer';
COMMENT ON COLUMN evaluations.judge IS 'The model that was asked; e.g. gpt-4o';
COMMENT ON COLUMN evaluations.vote IS 'Which of its votes, from 0';
COMMENT ON COLUMN evaluations.instruction_id IS 'The instruction';
COMMENT ON COLUMN evaluations.label IS 'Solvable, Unsure or Unsolvable of a task; Solved, Unsure or Unsolved of an answer; NULL when no reply held one; e.g. Solved';
COMMENT ON COLUMN evaluations.by_rule IS 'Whether the tables left no doubt, so that nobody was asked; such a row stands for all votes';
COMMENT ON COLUMN evaluations.reason IS 'Why, in the words of the judge or of the rule, or why there is no label';
COMMENT ON COLUMN evaluations.prompt_digest IS 'Digest of the prompts it was asked with';
