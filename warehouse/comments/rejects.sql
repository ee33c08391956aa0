-- What the columns of rejects mean, each with an example where that says more
COMMENT ON COLUMN rejects.stage IS 'The stage that refused it; e.g. select';
COMMENT ON COLUMN rejects.row_id IS 'The row that was refused, in that stage''s unit';
COMMENT ON COLUMN rejects.reason IS 'Why, an enumerated word; e.g. duplicate';
COMMENT ON COLUMN rejects.detail IS 'What exactly, for people';
