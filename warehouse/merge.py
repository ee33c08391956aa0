"""Merging sorted files into one, with a row group of each in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import BrokenContract
from warehouse.table import Table


class SortedFile:
    """A Parquet file whose rows are read in ascending order.  brought: what to make of what is read."""

    def __init__(self, path: Path, brought: Callable[[pa.Table], pa.Table]) -> None:
        self._path = path
        self._brought = brought
        with pq.ParquetFile(path) as file:
            brought(file.schema_arrow.empty_table())
            sizes = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
        self._starts = np.cumsum([0, *sizes])
        self._at = -1
        self._group: Any = None

    @property
    def num_rows(self) -> int:
        return int(self._starts[-1])

    def columns(self, names: Sequence[str]) -> pa.Table:
        with pq.ParquetFile(self._path) as file:
            return file.read(columns=list(names), use_threads=False)

    def rows(self, begin: int, end: int) -> list[pa.Table]:
        """The rows from `begin` up to `end`, in pieces."""
        pieces = []
        while begin < end:
            at = int(np.searchsorted(self._starts, begin, side="right")) - 1
            start = int(self._starts[at])
            group = self._row_group(at)
            length = min(end, start + group.num_rows) - begin
            pieces.append(group.slice(begin - start, length))
            begin += length
        return pieces

    def groups(self) -> Iterator[pa.Table]:
        """All rows, a row group at a time."""
        return (self._row_group(at) for at in range(len(self._starts) - 1))

    def _row_group(self, at: int) -> pa.Table:
        if at != self._at:
            with pq.ParquetFile(self._path) as file:
                self._group = self._brought(file.read_row_group(at, use_threads=False))
            self._at = at
        return self._group


def merged(table: Table[Any], files: Sequence[SortedFile], size: int) -> Iterator[pa.Table]:
    """The rows of all files in key order, so many at a time.

    Raises BrokenContract when two rows have one key.
    """
    order = _key_order(table, [file.columns(table.key) for file in files])
    starts = np.cumsum([0, *(file.num_rows for file in files)])
    for begin in range(0, len(order), size):
        wanted = order[begin : begin + size]
        ascending = np.sort(wanted)
        pieces = _pieces(files, starts, ascending)
        yield pa.concat_tables(pieces).combine_chunks().take(np.searchsorted(ascending, wanted))


def duplicate_key(table: Table[Any], key: object) -> BrokenContract:
    return BrokenContract(
        f"table {table.name}: two rows have the key {', '.join(table.key)} = {key!r}",
        fix=f"a row is {table.grain}, once; if the inputs are sound, please report this",
    )


def _key_order(table: Table[Any], keys_of_files: Sequence[pa.Table]) -> Any:
    """Row numbers in key order; row numbers count through the files."""
    empty = table.schema.empty_table().select(list(table.key))
    keys = pa.concat_tables([empty, *keys_of_files]).combine_chunks()
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in table.key])
    _refuse_equal_neighbours(table, keys.take(order))
    return order.to_numpy().astype(np.int64)


def _refuse_equal_neighbours(table: Table[Any], keys: pa.Table) -> None:
    same = np.ones(max(keys.num_rows - 1, 0), dtype=bool)
    for name in table.key:
        same &= pc.equal(keys[name][:-1], keys[name][1:]).to_numpy()
    if same.any():
        (row,) = keys.slice(int(same.argmax()), 1).to_pylist()
        values = tuple(row.values())
        raise duplicate_key(table, values[0] if len(values) == 1 else values)


def _pieces(files: Sequence[SortedFile], starts: Any, ascending: Any) -> list[pa.Table]:
    """The rows of ascending numbers; since files are in key order too, they come in long runs."""
    file_of = np.searchsorted(starts, ascending, side="right") - 1
    breaks = np.flatnonzero((np.diff(ascending) != 1) | (np.diff(file_of) != 0)) + 1
    runs = zip([0, *breaks], [*breaks, len(ascending)], strict=True)
    return [
        piece
        for begin, end in runs
        for first in [int(ascending[begin] - starts[file_of[begin]])]
        for piece in files[file_of[begin]].rows(first, first + int(end - begin))
    ]
