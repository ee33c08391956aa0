INSERT INTO entries (key, value, stored_at) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, stored_at = excluded.stored_at;
