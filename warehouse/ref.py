"""What passes between tasks: references to table files, never rows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TableRef(_Frozen):
    """One Parquet file of a table.

    path: relative to the data folder.  content_digest: over the rows in key order without volatile
    columns; for cache keys, diffs and the determinism law.  file_digest: of the bytes; for verification.
    """

    table: str
    path: str
    rows: int
    content_digest: str
    file_digest: str


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

    @property
    def balanced(self) -> bool:
        return self.n_in == self.n_out + self.n_rejected + self.n_pending


class ShardOutput(_Frozen):
    """What one shard task wrote: at most one file per table, and its account."""

    tables: tuple[TableRef, ...]
    counts: Counts


class StageOutput(_Frozen):
    """What a finished stage wrote.

    shards: the shard files by table, in shard order (what the next stage's shards read);
    tables: the compacted file of each table; history tables keep their shard files.
    """

    stage: str
    shards: dict[str, tuple[TableRef, ...]]
    tables: dict[str, tuple[TableRef, ...]]
    counts: Counts
