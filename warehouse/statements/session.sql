-- Table files never change, so what was read of their footers stays true.
SET TimeZone = 'UTC';
SET parquet_metadata_cache = true;
