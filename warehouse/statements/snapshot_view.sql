-- Which run is shown; where its files were, and how views were defined, when this was made.
CREATE VIEW snapshot AS
SELECT
    $run_id AS run_id,
    $kind AS kind,
    $status AS status,
    $parent AS parent,
    CAST($started_at AS TIMESTAMPTZ) AS started_at,
    CAST($finished_at AS TIMESTAMPTZ) AS finished_at,
    $config_digest AS config_digest,
    CAST($compared_with AS VARCHAR) AS compared_with,
    CAST($runs_kept AS VARCHAR[]) AS runs_kept,
    $data_folder AS data_folder,
    $definitions AS definitions
WHERE $committed;
COMMENT ON VIEW snapshot IS 'the run that is shown';
