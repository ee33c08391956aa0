"""From a row type to its Arrow schema, and rows to and from Arrow tables.

A row type is a frozen dataclass; its annotations are the one statement of a table's columns.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import pyarrow as pa
from pydantic import TypeAdapter

R = TypeVar("R")

_SCALARS: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


@cache
def _schema(row_type: Any) -> pa.Schema:
    return pa.schema(_fields(row_type))


def arrow_schema(row_type: type) -> pa.Schema:
    """The Arrow schema of a row type; a column is nullable only where the annotation admits None."""
    return _schema(row_type)


def _fields(row_type: type) -> list[pa.Field[Any]]:
    hints = typing.get_type_hints(row_type)
    return [_field(f.name, hints[f.name]) for f in dataclasses.fields(row_type)]


def _field(name: str, annotation: object) -> pa.Field[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (inner,) = (a for a in typing.get_args(annotation) if a is not type(None))
        return pa.field(name, _data_type(inner), nullable=True)
    return pa.field(name, _data_type(annotation), nullable=False)


def _data_type(annotation: object) -> pa.DataType:
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if typing.get_origin(annotation) is tuple:
        inner, ellipsis = typing.get_args(annotation)
        assert ellipsis is Ellipsis, f"only tuple[T, ...] maps to a list column, not {annotation}"
        return pa.list_(pa.field("item", _data_type(inner), nullable=False))
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return pa.struct(_fields(annotation))
    raise TypeError(f"no Arrow type for {annotation!r}")


def plain(value: Any) -> Any:
    """A row as nested dicts and lists, in column order, ready for Arrow or JSON."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def to_arrow(row_type: type, rows: Iterable[object]) -> pa.Table:
    return pa.Table.from_pylist([plain(row) for row in rows], schema=arrow_schema(row_type))


def from_arrow(row_type: type[R], table: pa.Table) -> list[R]:
    rows: list[R] = _adapter(typing.cast("Any", row_type)).validate_python(table.to_pylist())
    return rows


@cache
def _adapter(row_type: Any) -> TypeAdapter[Any]:
    return TypeAdapter(list[row_type])
