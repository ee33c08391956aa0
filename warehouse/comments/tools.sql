-- What the columns of tools mean, each with an example where that says more
COMMENT ON COLUMN tools.tool_id IS 'Its category and its standard name; e.g. Weather/open_meteo';
COMMENT ON COLUMN tools.category IS 'The category of the catalogue; e.g. Weather';
COMMENT ON COLUMN tools.tool_name IS 'Its name as the source writes it; e.g. Open Meteo';
COMMENT ON COLUMN tools.standardized_name IS 'The name in lower case with underscores, as functions are named after it; e.g. open_meteo';
COMMENT ON COLUMN tools.description IS 'What the source says of it';
COMMENT ON COLUMN tools.host IS 'Where its APIs are called; e.g. http://open_meteo.sandbox.test';
COMMENT ON COLUMN tools.collections IS 'The collections it is in, which G3 draws from; e.g. [Trip planning]';
COMMENT ON COLUMN tools.source IS 'The kind of source it came from: hub, openapi, toolbench or mcp; e.g. hub';
COMMENT ON COLUMN tools.source_url IS 'Where it was found';
COMMENT ON COLUMN tools.licence IS 'The licence that the source states';
COMMENT ON COLUMN tools.n_apis IS 'How many APIs it has';
COMMENT ON COLUMN tools.split IS 'train, test_tool or test_category, by hash of the id; e.g. train';
COMMENT ON COLUMN tools.fingerprint IS 'Digest of what the source says of it and of its APIs';
