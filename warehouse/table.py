"""What a table is: its row type, its grain, its key, and the columns that say nothing of content."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import pyarrow as pa

from warehouse.schema import arrow_schema

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Table(Generic[R]):
    """One table of the warehouse.

    `volatile` columns (times, latencies, costs, run ids) are left out of the content digest.
    `history` tables grow by one file a run and are outside the determinism law.
    """

    name: str
    row_type: type[R]
    grain: str
    key: tuple[str, ...]
    volatile: frozenset[str] = field(default_factory=frozenset)
    history: bool = False

    @property
    def schema(self) -> pa.Schema:
        return arrow_schema(self.row_type)
