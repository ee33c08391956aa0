CREATE VIEW $name AS
$select;
COMMENT ON VIEW $name IS $grain;
