from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text_budget.shape import (
    Shape,
    fit,
    is_part,
    keep_paths,
    paths_of,
    project,
    shape_of,
    shape_of_schema,
    unknown_paths,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)

FORECAST: dict[str, Any] = {
    "city": {"name": "Oslo", "id": 7},
    "days": [{"day": "Mon", "max": 3.5, "wind": None}, {"day": "Tue", "max": 4, "rain": True}],
    "tags": ["a", "b"],
    "alerts": [],
}
SHAPE: Shape = {
    "city": {"name": "string", "id": "integer"},
    "days": [{"day": "string", "max": "number", "wind": "null", "rain": "boolean"}],
    "tags": ["string"],
    "alerts": [],
}


def test_the_shape_of_an_answer() -> None:
    assert shape_of(FORECAST) == SHAPE


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ([], []),
        ([1, None], ["integer"]),
        ([None, "x"], ["string"]),
        ([1, 2.5], ["number"]),
        ([1, "x"], ["string"]),
        ([True, 1], ["string"]),
        ([{"a": 1}, "x"], [{"a": "integer"}]),
        (["x", [1]], [["integer"]]),
        ([[], [1]], [["integer"]]),
        ([[1], []], [["integer"]]),
        ("plain", "string"),
        (None, "null"),
    ],
)
def test_elements_of_an_array_are_united(value: object, shape: Shape) -> None:
    assert shape_of(value) == shape


def test_nesting_meant_to_kill_is_not_followed() -> None:
    value: Any = {}
    for _ in range(5000):
        value = {"a": value}
    assert paths_of(shape_of(value)) == (".".join("a" * 64),)


def test_projection_keeps_only_the_keys_of_the_shape() -> None:
    shape: Shape = {"city": {"name": "string"}, "days": [{"day": "string"}]}
    assert project(FORECAST, shape) == {"city": {"name": "Oslo"}, "days": [{"day": "Mon"}, {"day": "Tue"}]}


@pytest.mark.parametrize(
    ("value", "shape", "projected"),
    [
        ({"rates": {"EUR": 1}}, {"rates": {}}, {"rates": {"EUR": 1}}),
        ({"hits": [{"id": 1}]}, {"hits": []}, {"hits": [{"id": 1}]}),
        ({"error": "down"}, {"a": "string"}, {}),
        ([1, 2], {"a": "string"}, [1, 2]),
        ({"a": {"b": 1}}, {"a": "string"}, {"a": {"b": 1}}),
    ],
    ids=["object seen empty", "array seen empty", "no key in common", "other kind", "leaf became object"],
)
def test_projection_of_what_the_shape_does_not_know(value: object, shape: Shape, projected: object) -> None:
    assert project(value, shape) == projected


@given(JSON)
def test_a_value_projected_on_its_own_shape_is_itself(value: object) -> None:
    assert project(value, shape_of(value)) == value


def test_paths_name_the_leaves_in_order() -> None:
    assert paths_of(SHAPE) == (
        "city.name",
        "city.id",
        "days[].day",
        "days[].max",
        "days[].wind",
        "days[].rain",
        "tags[]",
        "alerts",
    )


def test_paths_below_a_top_level_array() -> None:
    assert paths_of([{"name": "string"}]) == ("[].name",)


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        (["city.name"], {"city": {"name": "string"}}),
        (["city"], {"city": {"name": "string", "id": "integer"}}),
        (["days[].day", "tags[]"], {"days": [{"day": "string"}], "tags": ["string"]}),
        (["days[0].day"], {"days": [{"day": "string"}]}),
        (["$.days[*].day"], {"days": [{"day": "string"}]}),
        (["days.day"], {"days": [{"day": "string"}]}),
        (["days[]"], {"days": [{"day": "string", "max": "number", "wind": "null", "rain": "boolean"}]}),
        (["nowhere", "alerts"], {"alerts": []}),
        (["nowhere"], SHAPE),
        ([], SHAPE),
    ],
)
def test_kept_paths(paths: list[str], kept: Shape) -> None:
    assert keep_paths(SHAPE, paths) == kept


def test_keys_with_dots_can_be_kept() -> None:
    shape: Shape = {"Global Quote": {"01. symbol": "string", "05. price": "string"}}
    assert keep_paths(shape, ["Global Quote.05. price"]) == {"Global Quote": {"05. price": "string"}}


def test_unknown_paths_are_reported_as_written() -> None:
    assert unknown_paths(SHAPE, ["city.name", "city.mayor", "days[1].max", "$.x"]) == ("city.mayor", "$.x")


@given(JSON)
def test_keeping_every_path_keeps_the_shape(value: object) -> None:
    shape = shape_of(value)
    assert keep_paths(shape, paths_of(shape)) == shape


def test_an_answer_within_budget_is_projected_and_compact() -> None:
    assert fit({"a": "ü", "b": [1, 2]}, {"a": "string"}, 50) == '{"a":"ü"}'


def test_plain_text_is_cut_as_text() -> None:
    assert fit("word " * 100, None, 10) == "word word word word word ... [cut]"


@pytest.mark.parametrize(
    ("shape", "whole", "verdict"),
    [
        ({"a": "string"}, {"a": "string", "b": "null"}, True),
        ({"a": [{"b": "integer"}]}, {"a": [{"b": "integer", "c": "string"}]}, True),
        ({"a": []}, {"a": ["string"]}, True),
        ({"a": ["string"]}, {"a": []}, False),
        ({"b": "string"}, {"a": "string"}, False),
        ({"a": "integer"}, {"a": "string"}, False),
        ("string", "string", True),
    ],
)
def test_a_part_of_a_shape_names_only_what_it_has(shape: Shape, whole: Shape, verdict: bool) -> None:
    assert is_part(shape, whole) is verdict


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
