-- In each stage, in = out + rejected + pending
SELECT stage, unit, n_in, n_out, n_rejected, n_pending
FROM account
WHERE n_in <> n_out + n_rejected + n_pending
