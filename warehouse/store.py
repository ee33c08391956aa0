"""Table files: written once, named by their bytes, never changed.

<data>/parts/<table>/<file digest>.parquet     finished rows of a shard under way; gone when it is done
<data>/shards/<table>/<file digest>.parquet    what a shard task wrote
<data>/tables/<table>/<file digest>.parquet    the shards of a stage in one file, in key order
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import BrokenContract
from warehouse.digest import combined, content_digest, remaining
from warehouse.files import digest_of, digest_of_file, put_by_digest
from warehouse.merge import SortedFile, duplicate_key, merged
from warehouse.ref import TableRef
from warehouse.table import Table, from_arrow, to_columns

R = TypeVar("R")
Area = Literal["shards", "tables", "parts"]

_ROWS_PER_GROUP = 10_000
# Trees and calls are looked up one search at a time; a search with its messages and functions is a large row.
_ROWS_PER_GROUP_OF = {"annotations": 500, "nodes": 2_000, "calls": 2_000}
# Shards are merged with a row group of each in memory.
_ROWS_PER_GROUP_OF_SHARD = {"annotations": 10, "nodes": 200, "calls": 200}
# What is read once, soon, is not worth a thorough compression.
_COMPRESSION: Mapping[Area, str] = {"parts": "lz4", "shards": "zstd", "tables": "zstd"}
_BYTES_BUFFERED = 1 << 18  # Arrow writes in small pieces, each of which would wait for Python's lock
_READ_ONLY = 0o444
_RECOMPUTE = "run again: what is missing or damaged is computed anew"


class Store:
    """The table files of one data folder.  Paths in references are relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write_shard(self, table: Table[R], rows: Iterable[R], *, area: Area = "shards") -> TableRef:
        """Write rows, in any order, as one file in key order.  area `parts`: of a shard under way.

        Raises BrokenContract when two rows have one key or a value does not fit its column, UsageError
        or StopRun when the folder cannot be written (`warehouse.files.put`).
        """
        ordered = sorted(rows, key=attrgetter(*table.key))
        _refuse_duplicates(table, ordered)
        digest = content_digest(table, ordered)
        return self._put(table, area, iter([_as_table(table, ordered)]), digest)

    def read(self, table: Table[R], refs: Iterable[TableRef]) -> list[R]:
        """The rows of the files, file after file, each in key order.

        Raises BrokenContract when a file is missing, damaged, or of another table or schema.
        """
        rows: list[R] = []
        for ref in refs:
            rows += from_arrow(table.row_type, self._load(table, ref))
        return rows

    def arrow(self, table: Table[R], refs: Iterable[TableRef]) -> pa.Table:
        """The rows likewise, as columns: of millions of numbers none becomes an object.  Raises as `read`."""
        return pa.concat_tables([table.schema.empty_table(), *(self._load(table, ref) for ref in refs)])

    def select(
        self, refs: Iterable[TableRef], *columns: str, among: tuple[str, Set[str]] | None = None
    ) -> list[tuple[Any, ...]]:
        """Some columns of the files' rows, without reading the others.

        among: a column, and the values of it whose rows are wanted; None: all rows.

        Raises BrokenContract when a file is missing, no such file, or without such a column.
        """
        rows: list[tuple[Any, ...]] = []
        for ref in refs:
            try:
                wanted = None if among is None else [(among[0], "in", among[1])]
                found = pq.read_table(self.root / ref.path, columns=list(columns), filters=wanted)
                rows += zip(*(found[column].to_pylist() for column in columns), strict=True)
            except (OSError, pa.ArrowInvalid, KeyError) as error:
                raise BrokenContract(
                    f"cannot read {', '.join(columns)} of {self.root / ref.path}", fix=_RECOMPUTE
                ) from error
        return rows

    def verify(self, ref: TableRef) -> bool:
        """Whether the file is there and has the very bytes that were written."""
        return _has_bytes(self.root / ref.path, ref.file_digest)

    def discard(self, parts: Iterable[TableRef]) -> None:
        """Remove files of the area `parts`, which nothing refers to any more."""
        for ref in parts:
            assert ref.path.startswith("parts/"), f"{ref.path} may be referred to"
            (self.root / ref.path).unlink(missing_ok=True)

    def compact(self, table: Table[R], refs: Sequence[TableRef], *, area: Area = "tables") -> TableRef:
        """Write the rows of many files as one file in key order; no files make a file of no rows.

        A row group of each file is in memory at a time, and the keys of all rows.  Raises BrokenContract as
        `read` does, and when two files have a row of the same key.
        """
        groups = merged(table, [self._file(table, ref) for ref in refs], _rows_per_group(table, area))
        return self._put(table, area, groups, combined(refs))

    def without(self, table: Table[R], ref: TableRef, column: str, values: Set[str]) -> TableRef:
        """The file without the rows that have one of these values in a column.  Raises as `read` does."""
        unwanted = pa.array(sorted(values), pa.string())
        removed: list[R] = []

        def kept() -> Iterator[pa.Table]:
            for group in self._file(table, ref).groups():
                matches = pc.is_in(group[column], value_set=unwanted)
                removed.extend(from_arrow(table.row_type, group.filter(matches)))
                yield group.filter(pc.invert(matches))

        left = self._put(table, "tables", kept(), ref.content_digest)
        digest = remaining(ref.content_digest, content_digest(table, removed))
        return left.model_copy(update={"content_digest": digest})

    def _put(self, table: Table[R], area: Area, groups: Iterator[pa.Table], digest: str) -> TableRef:
        rows = 0

        def write(stream: BinaryIO) -> None:
            nonlocal rows
            buffered = pa.BufferedOutputStream(pa.PythonFile(stream, "w"), _BYTES_BUFFERED)
            with pq.ParquetWriter(buffered, table.schema, compression=_COMPRESSION[area]) as writer:
                for group in groups:
                    writer.write_table(group, row_group_size=_rows_per_group(table, area))
                    rows += group.num_rows
            buffered.detach()  # which flushes it; the stream is somebody else's to close

        folder = Path(area, table.name)
        lasting = area != "parts"
        name = put_by_digest(self.root / folder, ".parquet", write, mode=_READ_ONLY, lasting=lasting)
        path = (folder / f"{name}.parquet").as_posix()
        return TableRef(table=table.name, path=path, rows=rows, content_digest=digest, file_digest=name)

    def _file(self, table: Table[R], ref: TableRef) -> SortedFile:
        """A file of the table that is read bit by bit; its bytes are verified first."""
        _refuse_another_table(table, ref)
        path = self.root / ref.path
        try:
            found = digest_of_file(path)
        except OSError as error:
            raise _unreadable(path, error) from error
        if found != ref.file_digest:
            raise _damaged(path)
        return SortedFile(path, lambda rows: _expected_schema(table, path, rows))

    def _load(self, table: Table[R], ref: TableRef) -> pa.Table:
        _refuse_another_table(table, ref)
        path = self.root / ref.path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error
        if digest_of(content) != ref.file_digest:
            raise _damaged(path)
        return _expected_schema(table, path, pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False))


def _has_bytes(path: Path, digest: str) -> bool:
    return path.is_file() and digest_of_file(path) == digest


def _refuse_another_table(table: Table[Any], ref: TableRef) -> None:
    if ref.table != table.name:
        raise BrokenContract(f"a file of table {ref.table} was read as table {table.name}: {ref.path}")


def _unreadable(path: Path, error: OSError) -> BrokenContract:
    return BrokenContract(f"cannot read {path} ({error.strerror})", fix=_RECOMPUTE)


def _damaged(path: Path) -> BrokenContract:
    return BrokenContract(f"{path} is damaged: its bytes are not those written", fix=_RECOMPUTE)


def _refuse_duplicates(table: Table[Any], ordered: Sequence[object]) -> None:
    key = attrgetter(*table.key)
    for one, next_one in pairwise(ordered):
        if key(one) == key(next_one):
            raise duplicate_key(table, key(one))


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


def _rows_per_group(table: Table[Any], area: Area) -> int:
    if area == "parts":
        return _ROWS_PER_GROUP
    of_table = _ROWS_PER_GROUP_OF if area == "tables" else _ROWS_PER_GROUP_OF_SHARD
    return of_table.get(table.name, _ROWS_PER_GROUP)
