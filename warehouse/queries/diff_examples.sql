-- An example of each kind of change since the run before
SELECT what, change, count(*) AS n, min_by(id, md5(id)) AS example, min_by(left(shown, 120), md5(id)) AS shown, min_by(detail, md5(id)) AS detail
FROM changes
GROUP BY what, change
ORDER BY array_position(['tool', 'API', 'instruction', 'annotation'], what), change
