-- What a query may touch: the files of the tables, and nothing else on this machine.
SET temp_directory = '';
SET python_enable_replacements = false;
SET allowed_paths = $paths;
SET enable_external_access = false;
SET lock_configuration = true;
