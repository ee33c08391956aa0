-- Grain: an API with good answers in two runs, the newest and the one before
-- lost, gained: paths that only the answer before, or only the newest, has.  changed: those of another type.
-- What was seen empty or null says nothing of what may be below it, and a whole number is a number.
WITH newest_of_run AS (
    SELECT
        api_id,
        run_id,
        max(probed_at) AS answered_at,
        arg_max(attempt, probed_at + attempt * INTERVAL 1 MICROSECOND) AS attempt
    FROM probes
    WHERE outcome = 'ok' AND shape IS NOT NULL
    GROUP BY api_id, run_id
),
last_two AS (
    SELECT *, row_number() OVER (PARTITION BY api_id ORDER BY answered_at DESC, run_id DESC) AS no
    FROM newest_of_run
    QUALIFY no <= 2
),
answers AS (
    SELECT last_two.*, probes.arguments, probes.shape
    FROM last_two
    JOIN probes USING (api_id, run_id, attempt)
),
pairs AS (
    SELECT
        now.*,
        before.run_id AS run_before,
        before.answered_at AS answered_before,
        before.arguments = now.arguments AS same_arguments,
        before.shape AS shape_before
    FROM answers AS now
    JOIN answers AS before USING (api_id)
    WHERE now.no = 1 AND before.no = 2
),
leaves AS (
    SELECT
        api_id,
        side,
        leaf.path AS path,
        leaf.type AS type,
        leaf.type IN ('null', 'array', 'object') AS hollow,
        -- `items[].id` as `.items.[].id`: what is below another path begins with that path and a point.
        CASE WHEN leaf.path = '' THEN '' ELSE '.' || replace(leaf.path, '[]', '.[]') END AS way
    FROM (
        SELECT api_id, 'now' AS side, unnest(shape) AS leaf FROM pairs WHERE shape <> shape_before
        UNION ALL
        SELECT api_id, 'before' AS side, unnest(shape_before) AS leaf FROM pairs WHERE shape <> shape_before
    )
),
alone AS (
    SELECT leaf.api_id, leaf.side, list(leaf.path ORDER BY leaf.path) AS paths
    FROM leaves AS leaf
    WHERE NOT EXISTS (
        SELECT 1
        FROM leaves AS other
        WHERE other.api_id = leaf.api_id
            AND other.side <> leaf.side
            AND (
                other.path = leaf.path
                OR (other.hollow AND starts_with(leaf.way, other.way || '.'))
                OR (leaf.hollow AND starts_with(other.way, leaf.way || '.'))
            )
    )
    GROUP BY leaf.api_id, leaf.side
),
retyped AS (
    SELECT now.api_id, list(now.path ORDER BY now.path) AS paths
    FROM leaves AS now
    JOIN leaves AS before ON before.api_id = now.api_id AND before.path = now.path
    WHERE now.side = 'now'
        AND before.side = 'before'
        AND before.type <> now.type
        AND 'null' NOT IN (before.type, now.type)
        AND NOT (before.type IN ('integer', 'number') AND now.type IN ('integer', 'number'))
    GROUP BY now.api_id
)
SELECT
    pairs.api_id,
    pairs.run_before,
    pairs.run_id AS run_now,
    pairs.answered_before,
    pairs.answered_at AS answered_now,
    pairs.same_arguments,
    lost.paths IS NOT NULL OR gained.paths IS NOT NULL OR retyped.paths IS NOT NULL AS drifted,
    coalesce(lost.paths, []) AS lost,
    coalesce(gained.paths, []) AS gained,
    coalesce(retyped.paths, []) AS changed
FROM pairs
LEFT JOIN alone AS lost ON lost.api_id = pairs.api_id AND lost.side = 'before'
LEFT JOIN alone AS gained ON gained.api_id = pairs.api_id AND gained.side = 'now'
LEFT JOIN retyped ON retyped.api_id = pairs.api_id;

COMMENT ON COLUMN api_drift.api_id IS 'The API; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN api_drift.run_before IS 'The run of the answer before';
COMMENT ON COLUMN api_drift.run_now IS 'The run of the newest answer';
COMMENT ON COLUMN api_drift.answered_before IS 'When the answer before was given';
COMMENT ON COLUMN api_drift.answered_now IS 'When the newest answer was given';
COMMENT ON COLUMN api_drift.same_arguments IS 'Whether both were asked the same';
COMMENT ON COLUMN api_drift.drifted IS 'Whether the shape has changed';
COMMENT ON COLUMN api_drift.lost IS 'Paths that only the answer before has; e.g. [items[].price]';
COMMENT ON COLUMN api_drift.gained IS 'Paths that only the newest answer has';
COMMENT ON COLUMN api_drift.changed IS 'Paths whose type has changed';
