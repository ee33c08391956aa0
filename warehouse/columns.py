"""Rows to Arrow columns, one column at a time: several times faster than by way of nested dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from operator import attrgetter
from types import NoneType
from typing import Any

import pyarrow as pa


def to_columns(rows: Sequence[object], schema: pa.Schema) -> pa.Table:
    """A table of dataclass rows whose attributes are named like the columns.

    Raises ValueError or TypeError (Arrow's own are subclasses) for a value that its column cannot hold,
    None in a column that is not nullable among them.
    """
    columns = [_column(field, list(map(attrgetter(field.name), rows)), field.name) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(field: Any, values: list[Any], path: str) -> Any:
    column = _array(field.type, values, path)
    if column.null_count and not field.nullable:
        raise ValueError(f"{path} is None")
    return column


def _array(data_type: Any, values: list[Any], path: str) -> Any:
    if pa.types.is_list(data_type):
        return _list_array(data_type, values, path)
    if pa.types.is_struct(data_type):
        return _struct_array(data_type, values, path)
    return pa.array(values, type=data_type)


def _list_array(data_type: Any, values: list[Any], path: str) -> Any:
    mask, present = _absent(values)
    lengths = map(len, values) if mask is None else (0 if value is None else len(value) for value in values)
    offsets = pa.array(accumulate(lengths, initial=0), type=pa.int32())
    children = _column(data_type.value_field, list(chain.from_iterable(present)), f"{path}[]")
    return pa.ListArray.from_arrays(offsets, children, type=data_type, mask=mask)


def _struct_array(data_type: Any, values: list[Any], path: str) -> Any:
    mask, present = _absent(values)
    children = [
        _column(field, list(map(attrgetter(field.name), present)), f"{path}.{field.name}")
        for field in data_type
    ]
    if mask is not None:
        # A row number for each value, none where the struct is absent, spreads the children out again.
        places = pa.array(_numbered(values), type=pa.int64())
        children = [child.take(places) for child in children]
    return pa.StructArray.from_arrays(children, fields=list(data_type), mask=mask)


def _absent(values: list[Any]) -> tuple[Any, list[Any]]:
    """A mask of the values that are None, itself None when there are none; and the values that are not."""
    if NoneType not in set(map(type, values)):
        return None, values
    mask = pa.array([value is None for value in values], type=pa.bool_())
    return mask, [value for value in values if value is not None]


def _numbered(values: list[Any]) -> list[int | None]:
    seen = accumulate((value is not None for value in values), initial=0)
    return [None if value is None else number for value, number in zip(values, seen, strict=False)]
