"""Rows of a shard that come one after the other: on the disk as they come, one file a table at the end."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.table import Table

_ADDED_AT_ONCE = 64  # some 4 MB of searches; a file costs as much as the rows of twenty


class Gatherer:
    """A context manager: what was not finished leaves nothing behind.  `add` may be called in any thread."""

    def __init__(self, store: Store, tables: Sequence[Table[Any]]) -> None:
        self._store = store
        self._waiting: dict[Table[Any], list[Any]] = {table: [] for table in tables}
        self._n_waiting = 0
        self._parts: dict[Table[Any], list[TableRef]] = {table: [] for table in tables}
        self._guard = threading.Lock()

    def __enter__(self) -> Gatherer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for parts in self._parts.values():
            self._store.discard(parts)

    def add(self, rows: Mapping[Table[Any], Sequence[Any]]) -> None:
        """Takes some rows of each table."""
        with self._guard:
            for table, some in rows.items():
                self._waiting[table].extend(some)
            self._n_waiting += 1
            if self._n_waiting >= _ADDED_AT_ONCE:
                self._write()

    def finish(self) -> tuple[TableRef, ...]:
        """One file a table, in the order of the tables."""
        with self._guard:
            self._write()
            return tuple(
                self._store.compact(table, parts, area="shards") for table, parts in self._parts.items()
            )

    def _write(self) -> None:
        for table, rows in self._waiting.items():
            if rows:
                self._parts[table].append(self._store.write_shard(table, rows, area="parts"))
                rows.clear()
        self._n_waiting = 0
