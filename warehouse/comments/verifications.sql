-- What the columns of verifications mean, each with an example where that says more
COMMENT ON COLUMN verifications.instruction_id IS 'The instruction, taken or not';
COMMENT ON COLUMN verifications.sample_id IS 'The set of APIs that it was written for';
COMMENT ON COLUMN verifications.query IS 'What is asked';
COMMENT ON COLUMN verifications.score_natural IS '1 to 5: whether a person could have said it; 0 without a verdict; e.g. 5';
COMMENT ON COLUMN verifications.score_answerable IS '1 to 5: whether its APIs return what it asks for; 0 without a verdict; e.g. 4';
COMMENT ON COLUMN verifications.score_complete IS '1 to 5: whether it gives the values they require; 0 without a verdict; e.g. 5';
COMMENT ON COLUMN verifications.reason IS 'Why, in the words of the judge';
COMMENT ON COLUMN verifications.model IS 'Who judged; e.g. gpt-4o-mini';
COMMENT ON COLUMN verifications.prompt_digest IS 'Digest of the prompt that asked for it';
