-- What the columns of preferences mean, each with an example where that says more
COMMENT ON COLUMN preferences.first_id IS 'The annotation that was shown first';
COMMENT ON COLUMN preferences.second_id IS 'The annotation that was shown second';
COMMENT ON COLUMN preferences.judge IS 'The model that was asked; e.g. gpt-4o';
COMMENT ON COLUMN preferences.vote IS 'Which of its votes in this order, from 0';
COMMENT ON COLUMN preferences.instruction_id IS 'The instruction of both';
COMMENT ON COLUMN preferences.preferred IS 'first, second or tie; NULL when no reply held one; e.g. first';
COMMENT ON COLUMN preferences.by_rule IS 'Whether nobody was asked; such a row stands for both orders';
COMMENT ON COLUMN preferences.reason IS 'Why, in the words of the judge or of the rule, or why there is no preference';
COMMENT ON COLUMN preferences.prompt_digest IS 'Digest of the prompts it was asked with';
