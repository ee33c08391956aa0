-- How many observations these searches made; ?1: their ids
SELECT coalesce(sum(n_calls), 0)::BIGINT AS n_observations
FROM annotations
WHERE annotation_id IN (SELECT unnest(?1))
