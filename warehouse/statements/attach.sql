-- A file that older DuckDB clients can open too.
ATTACH $path AS $name (STORAGE_VERSION 'v1.0.0');
USE $name;
