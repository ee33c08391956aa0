-- How many matches there are
SELECT count(*) FROM texts WHERE texts MATCH ?1
