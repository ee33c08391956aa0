"""ToolBench's standard names, for the sandbox's part in its protocol."""

from __future__ import annotations

import re

_RESERVED = frozenset({"from", "class", "return", "false", "true", "id", "and"})


def standard_name(name: str) -> str:
    """Lower case, everything but letters and digits one underscore, `get_` before a leading digit."""
    plain = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
    return f"get_{plain}" if plain[:1].isdigit() else plain


def standard_argument(name: str) -> str:
    """The standard name of an API or a parameter, with `is_` before words reserved in Python."""
    plain = standard_name(name)
    return f"is_{plain}" if plain in _RESERVED else plain
