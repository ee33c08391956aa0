-- Sources and the licences they state, with their tools and APIs
SELECT
    source,
    coalesce(licence, 'not stated') AS licence,
    count(*) AS n_tools,
    sum(n_apis)::BIGINT AS n_apis
FROM tools
GROUP BY ALL
ORDER BY n_tools DESC, source, licence
