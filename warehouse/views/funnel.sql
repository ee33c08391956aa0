-- Grain: a stage of the snapshot, as the run that wrote it left it
WITH standing AS (
    SELECT unnest(snapshot.stages) AS found, generate_subscripts(snapshot.stages, 1) AS place
    FROM snapshot
),
accounts AS (
    SELECT found.stage, found.unit, found.n_in, found.n_out, found.n_rejected, found.n_pending, place
    FROM standing
    UNION ALL
    -- Of what later runs do not go on from, such as an import, the run that is shown tells alone.
    SELECT stage, unit, n_in, n_out, n_rejected, n_pending, (SELECT count(*) FROM standing) + stage_no
    FROM account
    WHERE stage NOT IN (SELECT found.stage FROM standing)
)
SELECT
    stage,
    any_value(unit) AS unit,
    CAST(sum(n_in) AS BIGINT) AS n_in,
    CAST(sum(n_out) AS BIGINT) AS n_out,
    CAST(sum(n_rejected) AS BIGINT) AS n_rejected,
    CAST(sum(n_pending) AS BIGINT) AS n_pending,
    row_number() OVER (ORDER BY min(place)) AS stage_no
FROM accounts
GROUP BY stage
ORDER BY stage_no;

COMMENT ON COLUMN funnel.stage IS 'The stage; e.g. select';
COMMENT ON COLUMN funnel.unit IS 'What it counts in; e.g. instruction';
COMMENT ON COLUMN funnel.n_in IS 'What went in';
COMMENT ON COLUMN funnel.n_out IS 'What came out';
COMMENT ON COLUMN funnel.n_rejected IS 'What was refused';
COMMENT ON COLUMN funnel.n_pending IS 'What a stopped run has not done yet';
COMMENT ON COLUMN funnel.stage_no IS 'Its place in the order of stages, from 1';
