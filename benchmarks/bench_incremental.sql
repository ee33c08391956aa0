-- What the newest run asked for, beside what the changes since the run before touch.
WITH this AS (SELECT max(run_id) AS run_id FROM runs),
touched_apis AS (SELECT api_id FROM changed_apis),
draws AS (
    SELECT sample_id FROM (SELECT sample_id, unnest(api_ids) AS api_id FROM before.samples)
    WHERE api_id IN (SELECT api_id FROM touched_apis)
    UNION
    SELECT sample_id FROM (SELECT sample_id, unnest(api_ids) AS api_id FROM samples)
    WHERE api_id IN (SELECT api_id FROM touched_apis)
),
touched AS (
    SELECT instruction_id FROM (SELECT instruction_id, unnest(api_ids) AS api_id FROM before.instructions)
    WHERE api_id IN (SELECT api_id FROM touched_apis)
    UNION
    SELECT instruction_id FROM changed_instructions WHERE change IN ('gone_stale', 'changed')
),
asked AS (
    SELECT DISTINCT stage, row_id FROM llm_calls
    WHERE run_id = (SELECT run_id FROM this) AND NOT from_store
)
SELECT
    (SELECT count(*) FROM llm_calls WHERE run_id = (SELECT min(run_id) FROM runs) AND NOT from_store) AS first,
    (SELECT count(*) FROM draws) AS draws,
    (SELECT count(*) FROM asked WHERE stage = 'propose') AS draws_asked,
    (SELECT count(*) FROM touched) AS instructions,
    (SELECT count(*) FROM asked WHERE stage = 'annotate') AS searches
