"""JSON schemas as shapes: what they name is kept, and what they leave open stays whole."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.shaping.schema import shape_of_schema
from tasks.shaping.shape import project

VALUE = {"name": "Oslo", "days": [{"rain": 3, "source": "met"}], "by": {"x": 1}, "more": 1}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        (_object(name={"type": "string"}), {"name": "Oslo"}),
        (_object(days={"type": "array", "items": _object(rain={})}), {"days": [{"rain": 3}]}),
        (_object(days={"type": "array"}), {"days": [{"rain": 3, "source": "met"}]}),
        (_object(by={"type": "object", "additionalProperties": {"type": "integer"}}), {"by": {"x": 1}}),
        (_object(by=_object(x={}), days={"anyOf": [{}]}), {"days": VALUE["days"], "by": {"x": 1}}),
        (_object(name={}) | {"additionalProperties": True}, VALUE),
        ({"type": "object"}, VALUE),
        (True, VALUE),
    ],
)
def test_what_a_schema_keeps_of_a_value(schema: Any, kept: Any) -> None:
    assert project(VALUE, shape_of_schema(schema)) == kept


def test_a_schema_without_end_is_left_open_at_some_depth() -> None:
    endless: dict[str, Any] = {"type": "array"}
    endless["items"] = endless

    shape, depth = shape_of_schema(endless), 0
    while isinstance(shape, list):
        shape, depth = shape[0], depth + 1
    assert (shape, depth) == ("null", 64)
