"""Rows to Arrow columns: the same table that Arrow makes of nested dictionaries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType

import pyarrow as pa
import pytest

from warehouse.table import arrow_schema, from_arrow, plain, to_columns
from warehouse.tables import TABLES


@dataclass(frozen=True, kw_only=True)
class Inner:
    word: str
    number: float | None


@dataclass(frozen=True, kw_only=True)
class Deep:
    key: int
    one: Inner
    perhaps: Inner | None
    several: tuple[Inner, ...]
    nested: tuple[tuple[int, ...], ...]
    words: tuple[str, ...] | None
    at: datetime


INNER = Inner(word="a", number=1.5)
DEEP = [
    Deep(
        key=1,
        one=INNER,
        perhaps=None,
        several=(INNER, Inner(word="é", number=None)),
        nested=((1, 2), (), (3,)),
        words=None,
        at=datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
    ),
    Deep(
        key=2,
        one=INNER,
        perhaps=INNER,
        several=(),
        nested=(),
        words=("x", "y"),
        at=datetime(1, 1, 1, tzinfo=UTC),
    ),
]


def to_arrow(row_type: type, rows: list[object]) -> pa.Table:
    return pa.Table.from_pylist([plain(row) for row in rows], schema=arrow_schema(row_type))


def test_deep_rows_are_what_arrow_makes_of_them() -> None:
    table = to_columns(DEEP, arrow_schema(Deep))
    table.validate(full=True)
    assert table.equals(to_arrow(Deep, [*DEEP]))
    assert from_arrow(Deep, table) == DEEP


def test_every_table_is_what_arrow_makes_of_it(build: ModuleType) -> None:
    world = [*build.small_world(), build.probe(), build.llm_call()]
    table_of = {table.row_type: table for table in TABLES.values()}
    for row_type in {type(row) for row in world}:
        rows = [row for row in world if type(row) is row_type]
        assert to_columns(rows, table_of[row_type].schema).equals(to_arrow(row_type, rows))


def test_none_is_refused_where_the_type_does_not_admit_it() -> None:
    broken = Deep(**{**vars(DEEP[1]), "several": (Inner(word=None, number=1.0),)})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^several\[\]\.word is None$"):
        to_columns([broken], arrow_schema(Deep))
