-- The first rows of a check, and how many there are.
SELECT *, count(*) OVER () AS n_violations FROM (
$check
) LIMIT $limit;
