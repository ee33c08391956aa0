"""The commands, a module for each purpose; `flows/cli.py` registers them."""
