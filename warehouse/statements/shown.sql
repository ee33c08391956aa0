-- What a database file shows.
SELECT run_id, data_folder, definitions FROM $name.snapshot;
