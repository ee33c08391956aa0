"""Looking after a `DurableMap`'s file: what it holds, and what of it may go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import StopRun, UsageError
from tasks.transport.kvstore import opened, sql


@dataclass(frozen=True, slots=True)
class Holding:
    """n_bytes: of the file with its log; value_bytes: of the values alone; unwanted_*: what nobody wants."""

    n_entries: int = 0
    n_bytes: int = 0
    value_bytes: int = 0
    n_unwanted: int = 0
    unwanted_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Freed:
    """Sizes are of the file with its log, in bytes."""

    n_entries: int = 0
    bytes_before: int = 0
    bytes_after: int = 0


def survey(path: Path, wanted: Iterable[bytes]) -> Holding:
    """What a store holds, and how much of it is not `wanted`; also while others write into it."""
    if not path.exists():
        return Holding()
    with _read_only(path) as connection:
        _note(connection, wanted)
        n, value_bytes, n_unwanted, unwanted_bytes = connection.execute(sql("survey")).fetchone()
    return Holding(n, _size(path), value_bytes, n_unwanted, unwanted_bytes)


def prune(path: Path, wanted: Iterable[bytes], *, stored_before: float, undated_go: bool) -> Freed:
    """Removes what is not `wanted` and was stored before that moment (Unix time); the file shrinks.

    undated_go: whether entries from before entries were dated count as old.  Nobody else may have the
    store open.  Raises `StopRun` when the disk has no room for the smaller file.
    """
    if not path.exists():
        return Freed()
    before = _size(path)
    undated = 0 if undated_go else int(stored_before)
    with closing(opened(path)) as connection:
        _note(connection, wanted)
        n_freed = connection.execute(sql("prune"), (undated, int(stored_before))).rowcount
        if n_freed:
            _shrink(connection, path)
    return Freed(n_freed, before, _size(path))


def _note(connection: sqlite3.Connection, wanted: Iterable[bytes]) -> None:
    connection.executescript(sql("wanted"))
    connection.execute("BEGIN")
    connection.executemany(sql("want"), ((key,) for key in wanted))
    connection.execute("COMMIT")


def _shrink(connection: sqlite3.Connection, path: Path) -> None:
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as cause:
        raise StopRun(
            f"what was freed in {path} could not be given back to the disk: {cause}",
            fix="make room for a second copy of the file while it is rewritten, and prune again; new entries "
            "take the freed space in any case",
        ) from cause


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            yield connection
    except sqlite3.Error as cause:
        raise UsageError(
            f"{path} cannot be read as a store: {cause}", fix="make it and its folder readable and writable"
        ) from cause


def _size(path: Path) -> int:
    files = (path.with_name(path.name + suffix) for suffix in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
