"""Table files: written once, named by their bytes, never changed.

<data>/shards/<table>/<file digest>.parquet    what a shard task wrote
<data>/tables/<table>/<file digest>.parquet    the shards of a stage in one file, in key order
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import BrokenContract
from warehouse.columns import to_columns
from warehouse.digest import combined, content_digest
from warehouse.files import digest_of, put
from warehouse.ref import TableRef
from warehouse.schema import from_arrow
from warehouse.table import Table

R = TypeVar("R")

_ROWS_PER_GROUP = 10_000
# Trees and calls are looked up one search at a time.
_ROWS_PER_GROUP_OF = {"nodes": 2_000, "calls": 2_000}
_READ_ONLY = 0o444
_RECOMPUTE = "run again: what is missing or damaged is computed anew"


class Store:
    """The table files of one data folder.  Paths in references are relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write_shard(self, table: Table[R], rows: Iterable[R]) -> TableRef:
        """Write rows, in any order, as one file in key order.

        Raises BrokenContract when two rows have one key or a value does not fit its column, UsageError
        or StopRun when the folder cannot be written (`warehouse.files.put`).
        """
        ordered = sorted(rows, key=attrgetter(*table.key))
        _refuse_duplicates(table, ordered)
        digest = content_digest(table, ordered)
        return self._put(table, "shards", _as_table(table, ordered), digest)

    def read(self, table: Table[R], refs: Iterable[TableRef]) -> list[R]:
        """The rows of the files, file after file, each in key order.

        Raises BrokenContract when a file is missing, damaged, or of another table or schema.
        """
        rows: list[R] = []
        for ref in refs:
            rows += from_arrow(table.row_type, self._load(table, ref))
        return rows

    def select(self, refs: Iterable[TableRef], *columns: str) -> list[tuple[Any, ...]]:
        """Some columns of the files' rows, without reading the others.

        Raises BrokenContract when a file is missing, no such file, or without such a column.
        """
        rows: list[tuple[Any, ...]] = []
        for ref in refs:
            try:
                found = pq.read_table(self.root / ref.path, columns=list(columns))
                rows += zip(*(found[column].to_pylist() for column in columns), strict=True)
            except (OSError, pa.ArrowInvalid, KeyError) as error:
                raise BrokenContract(
                    f"cannot read {', '.join(columns)} of {self.root / ref.path}", fix=_RECOMPUTE
                ) from error
        return rows

    def verify(self, ref: TableRef) -> bool:
        """Whether the file is there and has the very bytes that were written."""
        return _has_bytes(self.root / ref.path, ref.file_digest)

    def compact(self, table: Table[R], refs: Sequence[TableRef]) -> TableRef:
        """Write the rows of many files as one file in key order; no files make a file of no rows.

        All rows are in memory once, as Arrow columns.  Raises BrokenContract as `read` does, and when
        two files have a row of the same key.
        """
        shards = [self._load(table, ref) for ref in refs]
        order = _key_order(table, shards)
        groups = _in_order(shards, order, _rows_per_group(table))
        return self._put(table, "tables", groups, combined(refs))

    def _put(
        self, table: Table[R], area: str, groups: pa.Table | Iterator[pa.Table], digest: str
    ) -> TableRef:
        groups = iter([groups]) if isinstance(groups, pa.Table) else groups
        content, rows = _parquet(table, groups)
        name = digest_of(content)
        path = Path(area, table.name, f"{name}.parquet")
        if not _has_bytes(self.root / path, name):
            put(self.root / path, content, mode=_READ_ONLY)
        return TableRef(
            table=table.name, path=path.as_posix(), rows=rows, content_digest=digest, file_digest=name
        )

    def _load(self, table: Table[R], ref: TableRef) -> pa.Table:
        if ref.table != table.name:
            raise BrokenContract(f"a file of table {ref.table} was read as table {table.name}: {ref.path}")
        path = self.root / ref.path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BrokenContract(f"cannot read {path} ({error.strerror})", fix=_RECOMPUTE) from error
        if digest_of(content) != ref.file_digest:
            raise BrokenContract(f"{path} is damaged: its bytes are not those written", fix=_RECOMPUTE)
        return _expected_schema(table, path, pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False))


def _has_bytes(path: Path, digest: str) -> bool:
    return path.is_file() and digest_of(path.read_bytes()) == digest


def _refuse_duplicates(table: Table[Any], ordered: Sequence[object]) -> None:
    key = attrgetter(*table.key)
    for one, next_one in pairwise(ordered):
        if key(one) == key(next_one):
            raise _duplicate(table, key(one))


def _duplicate(table: Table[Any], key: object) -> BrokenContract:
    return BrokenContract(
        f"table {table.name}: two rows have the key {', '.join(table.key)} = {key!r}",
        fix=f"a row is {table.grain}, once; if the inputs are sound, please report this",
    )


def _as_table(table: Table[Any], rows: Sequence[object]) -> pa.Table:
    try:
        return to_columns(rows, table.schema)
    except (ValueError, TypeError, OverflowError) as error:
        raise BrokenContract(f"table {table.name}: a row cannot be stored: {error}") from error


def _expected_schema(table: Table[Any], path: Path, found: pa.Table) -> pa.Table:
    """The rows with the table's columns; those that a file from before they came lacks are null."""
    if found.schema.equals(table.schema):
        return found
    if lacks_only_new_columns(table, found.schema):
        columns = [
            found[field.name] if field.name in found.schema.names else pa.nulls(found.num_rows, field.type)
            for field in table.schema
        ]
        return pa.Table.from_arrays(columns, schema=table.schema)
    raise BrokenContract(
        f"{path} has other columns than table {table.name} has now",
        fix="it was written by another version of toolloom: read it with that one, or run again",
    )


def lacks_only_new_columns(table: Table[Any], found: pa.Schema) -> bool:
    """Whether a file's schema is the table's but for columns that may be null: it is older than they are."""
    known = [field for field in table.schema if field.name in found.names]
    new = [field for field in table.schema if field.name not in found.names]
    return pa.schema(known).equals(found) and all(field.nullable for field in new)


def _parquet(table: Table[Any], groups: Iterator[pa.Table]) -> tuple[bytes, int]:
    sink = pa.BufferOutputStream()
    rows = 0
    with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
        for group in groups:
            writer.write_table(group, row_group_size=_rows_per_group(table))
            rows += group.num_rows
    return sink.getvalue().to_pybytes(), rows


def _rows_per_group(table: Table[Any]) -> int:
    return _ROWS_PER_GROUP_OF.get(table.name, _ROWS_PER_GROUP)


def _key_order(table: Table[Any], shards: Sequence[pa.Table]) -> Any:
    """Row numbers in key order; row numbers count through the shards."""
    keys = pa.concat_tables([table.schema.empty_table(), *shards]).select(list(table.key)).combine_chunks()
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
        raise _duplicate(table, values[0] if len(values) == 1 else values)


def _in_order(shards: Sequence[pa.Table], order: Any, size: int) -> Iterator[pa.Table]:
    """The rows in the given order, a row group at a time.

    A row group is gathered from slices of the shards, so that the whole table is never copied and no
    string column outgrows Arrow's 2 GB a chunk.
    """
    starts = np.cumsum([0, *(shard.num_rows for shard in shards)])
    for begin in range(0, len(order), size):
        wanted = order[begin : begin + size]
        ascending = np.sort(wanted)
        pieces = _slices(shards, starts, ascending)
        yield pa.concat_tables(pieces).combine_chunks().take(np.searchsorted(ascending, wanted))


def _slices(shards: Sequence[pa.Table], starts: Any, ascending: Any) -> list[pa.Table]:
    """The rows of ascending numbers; since shards are in key order too, they come in long runs."""
    shard_of = np.searchsorted(starts, ascending, side="right") - 1
    breaks = np.flatnonzero((np.diff(ascending) != 1) | (np.diff(shard_of) != 0)) + 1
    runs = zip([0, *breaks], [*breaks, len(ascending)], strict=True)
    return [
        shards[shard_of[begin]].slice(ascending[begin] - starts[shard_of[begin]], end - begin)
        for begin, end in runs
    ]
