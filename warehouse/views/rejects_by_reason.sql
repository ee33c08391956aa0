-- Grain: a reason of a stage to refuse rows
SELECT
    stage,
    reason,
    count(*) AS n_rows,
    min_by(row_id, row_id) AS example_row_id,
    min_by(detail, row_id) AS example_detail
FROM rejects
GROUP BY stage, reason;

COMMENT ON COLUMN rejects_by_reason.stage IS 'The stage that refused; e.g. select';
COMMENT ON COLUMN rejects_by_reason.reason IS 'Why; e.g. duplicate';
COMMENT ON COLUMN rejects_by_reason.n_rows IS 'How many rows';
COMMENT ON COLUMN rejects_by_reason.example_row_id IS 'One of them';
COMMENT ON COLUMN rejects_by_reason.example_detail IS 'What exactly was wrong with it';
