"""The commands that are not in `flows/cli.py`, one module each; `flows/cli.py` registers them."""
