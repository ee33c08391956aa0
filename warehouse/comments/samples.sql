-- What the columns of samples mean, each with an example where that says more
COMMENT ON COLUMN samples.sample_id IS 'Digest of the scenario and the APIs';
COMMENT ON COLUMN samples.scenario IS 'G1 (one tool), G2 (one category) or G3 (one collection); e.g. G2';
COMMENT ON COLUMN samples."group" IS 'The tool, category or collection drawn from, or like and the tool that the others are like; e.g. Weather';
COMMENT ON COLUMN samples.draw IS 'Number of the draw in its group that first gave this set; e.g. 0';
COMMENT ON COLUMN samples.api_ids IS 'The APIs that were drawn';
COMMENT ON COLUMN samples.tool_ids IS 'Their tools';
COMMENT ON COLUMN samples.split IS 'The split that all of them are in; e.g. train';
COMMENT ON COLUMN samples.distractors IS 'APIs of the same split that are offered as well: much like those drawn; null where none were asked for';
