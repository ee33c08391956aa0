-- A table of the snapshot: the rows of all its files.
CREATE VIEW $name AS SELECT * FROM read_parquet($paths, union_by_name = $by_name);
COMMENT ON VIEW $name IS $grain;
