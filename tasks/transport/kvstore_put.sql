-- :bytes holds keys and values one after the other; a place is [start of key, length, start of value, length].
INSERT INTO entries (key, value, stored_at)
SELECT
    substr(:bytes, places.value ->> 0, places.value ->> 1),
    substr(:bytes, places.value ->> 2, places.value ->> 3),
    :now
FROM json_each(:places) AS places
WHERE true
ON CONFLICT (key) DO UPDATE SET value = excluded.value, stored_at = excluded.stored_at;
