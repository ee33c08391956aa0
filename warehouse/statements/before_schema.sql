-- Tables of the run that the shown one is compared with.
CREATE SCHEMA $name;
