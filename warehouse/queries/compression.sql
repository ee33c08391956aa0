-- What shortening the documents saved, in tokens
SELECT
    method,
    tokenizer,
    n_apis,
    tokens_before,
    tokens_after,
    tokens_saved,
    round(tokens_saved / tokens_before, 3) AS share_saved,
    longest_before,
    longest_after
FROM compression
ORDER BY method, tokenizer
