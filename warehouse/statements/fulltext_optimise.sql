-- One segment: the fewest look-ups a query
INSERT INTO texts (texts) VALUES ('optimize')
