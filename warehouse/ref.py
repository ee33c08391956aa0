"""What passes between tasks: references to table files, never rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

_PATH = re.compile(r"(?:parts|shards|tables)/([a-z_]+)/[0-9A-Za-z]+\.parquet")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TableRef(_Frozen):
    """One Parquet file of a table.

    path: relative to the data folder, and never out of it.  content_digest: over the rows in key order
    without volatile columns; for cache keys, diffs and the determinism law.  file_digest: of the bytes; for
    verification.
    """

    table: str
    path: str
    rows: int
    content_digest: str
    file_digest: str

    @model_validator(mode="after")
    def _stays_in_its_folder(self) -> Self:
        place = _PATH.fullmatch(self.path)
        if place is None or place[1] != self.table:
            raise ValueError(f"{self.path!r} is no file of table {self.table!r} in a data folder")
        return self


Files = TypeVar("Files", bound=Mapping[str, tuple[TableRef, ...]])


def each_of_its_table(files: Files) -> Files:
    """Raises `ValueError` when a file is named as one of a table that it is not of."""
    for table, refs in files.items():
        for ref in refs:
            if ref.table != table:
                raise ValueError(f"{ref.path!r} is no file of table {table!r}")
    return files


class Counts(_Frozen):
    """The account of one stage in its unit (API, draw, instruction, ...): in = out + rejected + pending."""

    unit: str
    n_in: int
    n_out: int
    n_rejected: int
    n_pending: int = 0

    def __add__(self, other: Counts) -> Counts:
        assert self.unit == other.unit, f"{self.unit} cannot be added to {other.unit}"
        return Counts(
            unit=self.unit,
            n_in=self.n_in + other.n_in,
            n_out=self.n_out + other.n_out,
            n_rejected=self.n_rejected + other.n_rejected,
            n_pending=self.n_pending + other.n_pending,
        )


class Stop(_Frozen):
    """Why a shard ended before its last row: `kind` is the error's class name."""

    kind: str
    message: str
    fix: str | None = None


class ShardOutput(_Frozen):
    """What one shard task wrote: one file per table, and its account; `stop` when rows are pending."""

    tables: tuple[TableRef, ...]
    counts: Counts
    stop: Stop | None = None


class StageOutput(_Frozen):
    """What a finished stage wrote.

    shards: the shard files by table, in shard order (what the next stage's shards read);
    tables: the compacted file of each table; history tables keep their shard files.
    n_shard_tasks: task runs the shards took, 0 for a stage that is one task.
    sources: of a crawl, the digest of what was crawled; None of crawls before it was recorded.
    """

    stage: str
    shards: dict[str, tuple[TableRef, ...]]
    tables: dict[str, tuple[TableRef, ...]]
    counts: Counts
    n_shard_tasks: int = 0
    stop: Stop | None = None
    sources: str | None = None

    _each_of_its_table = field_validator("shards", "tables")(each_of_its_table)

    @property
    def refs(self) -> tuple[TableRef, ...]:
        """Every file of the output, each once."""
        groups = (*self.shards.values(), *self.tables.values())
        return tuple(dict.fromkeys(ref for group in groups for ref in group))

    def digests(self, *tables: str) -> list[str]:
        """Content digests of the named tables: what a later stage's key is made of."""
        return [ref.content_digest for name in tables for ref in self.tables[name]]
