"""What has changed between two runs: tools, APIs, instructions and annotations, and how retrievers fare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from flows.text.ask import as_table
from tasks.errors import UsageError
from warehouse.connect import open_database
from warehouse.query import query

PARTS = {
    "counts": "@diff",
    "by_category": "@diff_by_category",
    "examples": "@diff_examples",
    "retrieval": "@diff_retrieval",
}
ALL = "SELECT * FROM changes ORDER BY what, change, id"
RUNS = "SELECT compared_with, run_id FROM snapshot"


def diff(data: Path, before: str | None, after: str | None, *, output: str) -> str:
    """The changes from one run to a later one, as text.

    before: the run before `after` unless named; after: the newest.  As a table the counts and an example of
    each kind of change; as JSON all changes too; as CSV nothing but them.  Raises `UsageError`.
    """
    with open_database(data, after, before) as connection:
        ((old, new),) = query(connection, RUNS).itertuples(index=False)
        if not isinstance(old, str):
            raise UsageError(
                f"there is no run to compare {new} with: it is the first, or the one before it was pruned",
                fix="`toolloom runs` lists them; name two: toolloom diff BEFORE AFTER",
            )
        if output == "csv":
            return str(query(connection, ALL).to_csv(index=False)).rstrip("\n")
        return _as_json(connection, old, new) if output == "json" else _as_text(connection, old, new)


def _as_json(connection: duckdb.DuckDBPyConnection, old: str, new: str) -> str:
    parts = {name: _records(query(connection, sql)) for name, sql in {**PARTS, "changes": ALL}.items()}
    return json.dumps({"before": old, "after": new, **parts}, indent=1, ensure_ascii=False)


def _records(rows: pd.DataFrame) -> Any:
    return json.loads(rows.to_json(orient="records"))


def _as_text(connection: duckdb.DuckDBPyConnection, old: str, new: str) -> str:
    counts, drift = (query(connection, PARTS[part]) for part in ("counts", "retrieval"))
    shown = [] if counts.empty else [as_table(counts)]
    if not counts.empty:
        shown += [as_table(query(connection, PARTS[part])) for part in ("by_category", "examples")]
    if not drift.empty:
        shown.append(f"retrievers, where both runs measured them\n\n{as_table(drift)}")
    head = f"{old} -> {new}"
    return "\n\n".join([f"{head}: nothing has changed" if counts.empty else head, *shown])
