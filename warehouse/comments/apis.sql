-- What the columns of apis mean, each with an example where that says more
COMMENT ON COLUMN apis.api_id IS 'The tool''s id and the API''s standard name; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN apis.tool_id IS 'Its tool; e.g. Weather/open_meteo';
COMMENT ON COLUMN apis.api_name IS 'Its name as the source writes it; e.g. Forecast';
COMMENT ON COLUMN apis.function_name IS 'What the model calls, at most 64 characters; e.g. forecast_for_open_meteo';
COMMENT ON COLUMN apis.description IS 'What the source says of it';
COMMENT ON COLUMN apis.protocol IS 'How it is called: http or mcp; e.g. http';
COMMENT ON COLUMN apis.method IS 'HTTP method; e.g. GET';
COMMENT ON COLUMN apis.url IS 'Template with {name} for path parameters; e.g. http://open_meteo.sandbox.test/forecast/{city}';
COMMENT ON COLUMN apis.parameters IS 'What it takes: names, places, types, defaults; examples, bounds and choices in the schema';
COMMENT ON COLUMN apis.content_type IS 'Of the request''s body';
COMMENT ON COLUMN apis.body_schema IS 'JSON schema of the request''s body, as text';
COMMENT ON COLUMN apis.security IS 'The credentials it asks for';
COMMENT ON COLUMN apis.read_only IS 'Whether calling it changes nothing';
COMMENT ON COLUMN apis.response_schema IS 'JSON schema of its answer, as text';
COMMENT ON COLUMN apis.code_snippet IS 'How the source calls it';
COMMENT ON COLUMN apis.example_response IS 'An answer that the source shows';
COMMENT ON COLUMN apis.fingerprint IS 'Digest of what the source says of it; of the example response the form, not the values';
