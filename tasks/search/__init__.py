"""The search for a solution path."""
