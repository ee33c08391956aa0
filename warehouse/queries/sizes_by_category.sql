-- Tools, APIs and instructions of each category; an instruction counts once in each category it needs
WITH catalogue AS (
    SELECT
        category,
        count(DISTINCT tool_id) AS n_tools,
        count(*) AS n_apis,
        count(*) FILTER (kept) AS n_kept
    FROM apis
    JOIN tools USING (tool_id)
    LEFT JOIN verdicts USING (api_id)
    GROUP BY category
),
written AS (
    SELECT
        category,
        count(*) FILTER (scenario = 'G1') AS n_g1,
        count(*) FILTER (scenario = 'G2') AS n_g2,
        count(*) FILTER (scenario = 'G3') AS n_g3
    FROM instruction_categories
    GROUP BY category
)
SELECT
    category,
    n_tools,
    n_apis,
    n_kept,
    coalesce(n_g1, 0) AS n_g1,
    coalesce(n_g2, 0) AS n_g2,
    coalesce(n_g3, 0) AS n_g3
FROM catalogue
LEFT JOIN written USING (category)
ORDER BY category
