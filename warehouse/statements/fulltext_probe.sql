-- Whether it is an index at all
SELECT 1 FROM texts LIMIT 1
