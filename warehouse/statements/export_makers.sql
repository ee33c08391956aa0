-- Who wrote what, how: instructions by model and prompt, searches by model, method and rules
SELECT 'instructions' AS made, model, prompt_digest AS how, count(*) AS n_rows
FROM instructions
GROUP BY ALL
UNION ALL
SELECT 'searches', model, concat_ws(', ', method, 'rules ' || rules, 'offer ' || offer), count(*)
FROM annotations
GROUP BY ALL
ORDER BY made, n_rows DESC, model, how
