"""The laws of a snapshot, run over it before it is committed.

Each file of `checks/` is one law: a SELECT of the rows that break it, none when all is well.  A run
answers for what it wrote: laws between two stages hold where the later one is in the run's account, since
a table taken over from the parent may well be behind (`stale_instructions` says so).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from warehouse.connect import connect_snapshot
from warehouse.manifest import Manifest
from warehouse.sql import SqlFile, identifier, sql_files, statement
from warehouse.table import Table
from warehouse.tables import TABLES

_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A law that does not hold.  n_rows: how many rows break it; examples: the first few of them."""

    check: str
    law: str
    n_rows: int
    examples: tuple[dict[str, Any], ...]

    def __str__(self) -> str:
        rows = "; ".join(", ".join(f"{k}={v}" for k, v in row.items()) for row in self.examples)
        more = "; ..." if self.n_rows > len(self.examples) else ""
        return f"{self.law} ({self.check}), broken by {self.n_rows}: {rows}{more}"


def run_checks(root: Path, manifest: Manifest) -> list[Violation]:
    """All laws that the snapshot breaks; the manifest need not be committed, its files must be there."""
    with connect_snapshot(root, manifest) as connection:
        checks = [*_key_checks(), *sql_files("checks").values()]
        return [found for check in checks if (found := _run(connection, check)) is not None]


def _key_checks() -> Iterator[SqlFile]:
    template = sql_files("statements")["duplicate_keys"]
    for table in TABLES.values():
        if _key_is_unique(table):
            key = ", ".join(identifier(name) for name in table.key)
            text = statement("duplicate_keys", key=key, table=identifier(table.name))
            yield SqlFile(name=f"duplicate_keys.{table.name}", title=template.title, text=text)


def _key_is_unique(table: Table[Any]) -> bool:
    """A search that is replayed leaves its calls again, under the same key, in a later run's file."""
    return not table.history or "run_id" in table.key


def _run(connection: duckdb.DuckDBPyConnection, check: SqlFile) -> Violation | None:
    found = connection.execute(statement("violations", check=check.text, limit=str(_EXAMPLES)))
    columns = [column[0] for column in found.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    if not rows:
        return None
    (n_rows, *_) = [row.pop("n_violations") for row in rows]
    return Violation(check=check.name, law=check.title, n_rows=n_rows, examples=tuple(rows))
