"""The stores as text: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pandas as pd

from flows.stores import Stored
from flows.text.ask import as_table
from tasks.transport.kvupkeep import Freed

_UNITS = ("B", "kB", "MB", "GB")


def stored_json(stored: Stored) -> str:
    return orjson.dumps(stored.as_json(), option=orjson.OPT_INDENT_2).decode()


def stored_text(stored: Stored) -> str:
    rows = [
        {
            "store": name,
            "entries": holding.n_entries,
            "size": size_text(holding.n_bytes),
            "bytes_each": round(holding.value_bytes / holding.n_entries) if holding.n_entries else 0,
            "unused": holding.n_unwanted,
            "unused_size": size_text(holding.unwanted_bytes),
        }
        for name, holding in stored.holdings.items()
    ]
    parts = [_lines(pd.DataFrame(rows))]
    if len(stored.hits):
        parts += ["", _lines(stored.hits)]
    if not stored.all_known:
        parts += ["", "Runs of an earlier version do not say what they use: it counts as unused here."]
    return "\n".join(parts)


def freed_text(freed: Mapping[str, Freed]) -> str:
    return "\n".join(
        f"{name}: freed {one.n_entries:,} entries, "
        f"{size_text(one.bytes_before)} before, {size_text(one.bytes_after)} now"
        for name, one in freed.items()
    )


def size_text(n_bytes: int) -> str:
    size, unit = float(n_bytes), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if not unit else f"{size:.1f} {_UNITS[unit]}"


def _lines(rows: pd.DataFrame) -> str:
    """Without the count of rows, which says nothing here."""
    return as_table(rows).rpartition("\n")[0]
