-- What the columns of trainings mean, each with an example where that says more
COMMENT ON COLUMN trainings.model_digest IS 'The model that came of it';
COMMENT ON COLUMN trainings.phase IS 'sft (imitation of conversations) or dpo (preference among replies)';
COMMENT ON COLUMN trainings.step IS 'From 1; 0 is before the first';
COMMENT ON COLUMN trainings.epoch IS 'How often all rows had been seen by then; e.g. 0.25';
COMMENT ON COLUMN trainings.loss IS 'Of the step''s rows, over the tokens that are learned; e.g. 0.83';
COMMENT ON COLUMN trainings.evaluation IS 'Loss on the conversations held out, where it was measured: before, after each epoch and in the end';
COMMENT ON COLUMN trainings.margin IS 'Of dpo: how much more likely than before the chosen replies are over the rejected ones; e.g. 0.12';
COMMENT ON COLUMN trainings.learning_rate IS 'In this step; e.g. 0.0002';
COMMENT ON COLUMN trainings.tokens IS 'Seen so far in the phase, without padding; e.g. 43210';
