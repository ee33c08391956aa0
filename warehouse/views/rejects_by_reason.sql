-- Grain: a reason of a stage to refuse rows
SELECT
    stage,
    reason,
    count(*) AS n_rows,
    min_by(row_id, row_id) AS example_row_id,
    min_by(detail, row_id) AS example_detail
FROM rejects
GROUP BY stage, reason
