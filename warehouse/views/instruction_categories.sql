-- Grain: a category of an instruction's APIs
-- Instructions are told apart by a number in here: grouping by their ids takes three times as long.
SELECT
    any_value(needed.instruction_id) AS instruction_id,
    any_value(needed.scenario) AS scenario,
    any_value(needed.split) AS split,
    tools.category,
    count(*) AS n_apis
FROM (
    SELECT instruction_no, instruction_id, scenario, split, unnest(relevant_apis) AS relevant
    FROM (SELECT *, row_number() OVER () AS instruction_no FROM instructions)
) AS needed
JOIN apis ON apis.api_id = needed.relevant.api_id
JOIN tools ON tools.tool_id = apis.tool_id
GROUP BY needed.instruction_no, tools.category;

COMMENT ON COLUMN instruction_categories.instruction_id IS 'The instruction';
COMMENT ON COLUMN instruction_categories.scenario IS 'G1, G2 or G3; e.g. G3';
COMMENT ON COLUMN instruction_categories.split IS 'train, test_tool or test_category; e.g. train';
COMMENT ON COLUMN instruction_categories.category IS 'A category that it needs APIs of; e.g. Weather';
COMMENT ON COLUMN instruction_categories.n_apis IS 'How many of them it needs';
