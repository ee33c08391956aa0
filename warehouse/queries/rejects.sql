-- Why rows were refused, with an example of each reason
SELECT stage, reason, n_rows, example_row_id, example_detail
FROM rejects_by_reason
ORDER BY stage, n_rows DESC, reason
