"""From the tables of a run to files that other tools read."""
