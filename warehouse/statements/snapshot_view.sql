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
    CAST($stages AS STRUCT(
        stage VARCHAR, unit VARCHAR, n_in BIGINT, n_out BIGINT, n_rejected BIGINT, n_pending BIGINT
    )[]) AS stages,
    $data_folder AS data_folder,
    $definitions AS definitions
WHERE $committed;
COMMENT ON VIEW snapshot IS 'the run that is shown';
COMMENT ON COLUMN snapshot.run_id IS 'The run; e.g. 20260301T120000.000Z';
COMMENT ON COLUMN snapshot.kind IS 'The command that wrote it; e.g. refresh';
COMMENT ON COLUMN snapshot.status IS 'complete or partial; e.g. complete';
COMMENT ON COLUMN snapshot.parent IS 'The run that it goes on from';
COMMENT ON COLUMN snapshot.started_at IS 'When it began';
COMMENT ON COLUMN snapshot.finished_at IS 'When it was committed';
COMMENT ON COLUMN snapshot.config_digest IS 'Digest of the settings that can change a table';
COMMENT ON COLUMN snapshot.compared_with IS 'The run before, which changes are counted from; NULL where there is none';
COMMENT ON COLUMN snapshot.runs_kept IS 'The runs that can still be looked at';
COMMENT ON COLUMN snapshot.stages IS 'The accounts of the stages that it stands on, whichever run wrote them';
COMMENT ON COLUMN snapshot.data_folder IS 'Where its files were when this was made';
COMMENT ON COLUMN snapshot.definitions IS 'Digest of the views when this was made';
