"""Which answers are right and which are better: facts of the tables, votes of judges, and comparisons."""
