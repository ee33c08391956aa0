"""Rows of a shard that come one after the other: on the disk as they come, one file a table at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any

from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.table import Table

_WRITTEN_AT_ONCE = 64  # some 4 MB of searches; a file costs as much as the rows of twenty

Rows = Mapping[Table[Any], Sequence[Any]]


class Gatherer:
    """A context manager: what was not finished leaves nothing behind.

    writer: where files are written, so that whoever brings rows need not wait for it.
    """

    def __init__(self, store: Store, tables: Sequence[Table[Any]], writer: Executor) -> None:
        self._store = store
        self._tables = tables
        self._writer = writer
        self._waiting: list[Rows] = []
        self._written: list[Future[Mapping[Table[Any], TableRef]]] = []

    def __enter__(self) -> Gatherer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for written in self._written:
            if not written.cancel() and written.exception() is None:
                self._store.discard(written.result().values())

    def add(self, rows: Rows) -> Future[Any] | None:
        """Takes some rows of each table; in one thread.

        What is returned, if anything, must be waited for before more is brought: else rows would pile up
        in memory that the disk is too slow for.
        """
        self._waiting.append(rows)
        if len(self._waiting) < _WRITTEN_AT_ONCE:
            return None
        return self._write_waiting()

    def finish(self) -> tuple[TableRef, ...]:
        """One file a table, in the order of the tables.  Raises what writing raised."""
        self._write_waiting()
        parts = [written.result() for written in self._written]
        return tuple(
            self._store.compact(table, [part[table] for part in parts if table in part], area="shards")
            for table in self._tables
        )

    def _write_waiting(self) -> Future[Any]:
        together, self._waiting = self._waiting, []
        written = self._writer.submit(self._write, together)
        self._written.append(written)
        return written

    def _write(self, together: Sequence[Rows]) -> Mapping[Table[Any], TableRef]:
        parts: dict[Table[Any], TableRef] = {}
        try:
            for table in self._tables:
                rows = [row for some in together for row in some.get(table, ())]
                if rows:
                    parts[table] = self._store.write_shard(table, rows, area="parts")
        except BaseException:
            self._store.discard(parts.values())
            raise
        return parts
