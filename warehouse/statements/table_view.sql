-- A table of the snapshot: the rows of all its files.
CREATE VIEW $name AS SELECT * FROM read_parquet($paths);
COMMENT ON VIEW $name IS $grain;
