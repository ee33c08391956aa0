INSERT OR IGNORE INTO temp.wanted (key) VALUES (?);
