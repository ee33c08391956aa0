-- The three APIs nearest to each of ten, by the cosine of their vectors
WITH chosen AS (
    SELECT api_id, model, vector FROM embeddings ORDER BY md5(api_id) LIMIT 10
)
SELECT
    chosen.api_id AS api,
    unnest(
        max_by(other.api_id, list_cosine_similarity(chosen.vector, other.vector), 3)
    ) AS nearest,
    round(unnest(max(list_cosine_similarity(chosen.vector, other.vector), 3)), 3) AS cosine
FROM chosen
JOIN embeddings AS other
    ON other.model = chosen.model AND other.api_id <> chosen.api_id AND len(other.vector) = len(chosen.vector)
GROUP BY chosen.api_id
ORDER BY api, cosine DESC
