SELECT value FROM entries WHERE key = ?;
