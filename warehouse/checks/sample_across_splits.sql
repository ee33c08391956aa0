-- A draw never mixes tools of different splits
SELECT drawn.sample_id, string_agg(DISTINCT tools.split, ', ' ORDER BY tools.split) AS splits
FROM (SELECT sample_id, unnest(tool_ids) AS tool_id FROM samples) AS drawn
JOIN tools USING (tool_id)
WHERE EXISTS (SELECT 1 FROM account WHERE stage = 'sample')
GROUP BY drawn.sample_id
HAVING count(DISTINCT tools.split) > 1
