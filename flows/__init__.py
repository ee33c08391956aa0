"""Flows: in what order the stages run, with which parameters, and how a person starts and reads them."""

from pathlib import Path

# Here, since the command line needs no more of the configuration before it knows what was asked for.
DEFAULT_DATA = Path(__file__).parent.parent / "warehouse" / "data"
DEFAULT_PROFILE = "sandbox"
