-- Which methods call the APIs that are needed, repeat calls, and overcome errors
SELECT * REPLACE (
    round(selection_precision, 3) AS selection_precision,
    round(selection_recall, 3) AS selection_recall,
    round(selection_f1, 3) AS selection_f1,
    round(mean_calls, 2) AS mean_calls,
    round(mean_failed, 2) AS mean_failed,
    round(mean_repeated, 2) AS mean_repeated,
    round(recovered, 3) AS recovered
)
FROM tool_use
ORDER BY method, model, search_rules, offer, scenario
