-- Writes the file to the disk and lets go of it.
USE memory;
DETACH $name;
