-- A key names one row
SELECT $key, count(*) AS n_rows FROM $table GROUP BY ALL HAVING count(*) > 1
