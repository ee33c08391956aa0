"""What a data folder holds, for comparing two of them, and for finding how far a run has come."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.text.ask import written
from warehouse import manifest
from warehouse.connect import open_database
from warehouse.digest import combined
from warehouse.query import exact_rows
from warehouse.store import Store
from warehouse.tables import TABLES


@dataclass(frozen=True)
class Snapshot:
    """The newest complete run.  content: content digests by table, history tables left out."""

    data: Path
    content: dict[str, str]

    def rows(self, table: str) -> list[Any]:
        newest = manifest.newest(self.data)
        assert newest is not None
        return list(Store(self.data).read(TABLES[table], newest.tables[table]))


def snapshot_of(data: Path) -> Snapshot:
    newest = manifest.newest(data)
    assert newest is not None, f"no run was committed in {data}"
    assert newest.status == "complete"
    content = {name: combined(newest.tables[name]) for name, table in TABLES.items() if not table.history}
    return Snapshot(data, content)


def rows(data: Path, sql: str, run: str | None = None) -> list[dict[str, Any]]:
    """What `toolloom sql` prints as JSON, without starting a process for it, or describing columns."""
    with open_database(data, run) as connection:
        found: list[dict[str, Any]] = json.loads(written(*exact_rows(connection, sql), "json"))
    return found


def stored_replies(data: Path) -> int:
    """Replies of the model that are committed."""
    return _entries(data / "store" / "replies.sqlite")


def stored_calls(data: Path) -> int:
    """Answers of APIs to searches that are committed."""
    return _entries(data / "store" / "calls.sqlite")


def _entries(path: Path) -> int:
    if not path.exists():
        return 0
    # Read-only: a last writer that closes would clean up what the killed run has left.
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # the table is about to be made
    finally:
        connection.close()


def shard_files(data: Path, table: str) -> int:
    return _files(data / "shards" / table)


def table_files(data: Path, table: str) -> int:
    return _files(data / "tables" / table)


def _files(folder: Path) -> int:
    """Complete files: one under way has another name."""
    return sum(1 for _ in folder.glob("[!.]*.parquet"))
