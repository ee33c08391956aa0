"""Published types, defaults and response skeletons in the terms of JSON schema."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.catalogue.toolbench.convert import JsonType, default_of, is_file, json_type, schema_of


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ("STRING", JsonType("string")),
        ("string", JsonType("string")),
        ("", JsonType("string")),
        ("NUMBER", JsonType("number")),
        ("BOOLEAN", JsonType("boolean")),
        ("ENUM", JsonType("string")),
        ("ARRAY", JsonType("array")),
        ("OBJECT", JsonType("object")),
        ("DATE (YYYY-MM-DD)", JsonType("string", format="date")),
        ("TIME (24-hour HH:MM)", JsonType("string", format="time", note="24-hour HH:MM")),
        ("GEOPOINT (latitude, longitude)", JsonType("string", note="GEOPOINT (latitude, longitude)")),
    ],
)
def test_types(published: str, expected: JsonType) -> None:
    assert json_type(published) == expected


@pytest.mark.parametrize(("published", "expected"), [("BINARY", True), ("File", True), ("STRING", False)])
def test_files(published: str, expected: bool) -> None:
    assert is_file(published) is expected


@pytest.mark.parametrize(
    ("type_name", "published", "expected"),
    [
        ("number", "5", 5),
        ("number", " 7.8 ", 7.8),
        ("number", 465171, 465171),
        ("number", "20220301", 20220301),
        ("number", "007", "007"),
        ("number", "true", "true"),
        ("number", "ten", "ten"),
        ("integer", "2.5", "2.5"),
        ("boolean", "False", False),
        ("boolean", True, True),
        ("boolean", "1", "1"),
        ("array", '["asd", "dsa"]', ["asd", "dsa"]),
        ("array", "2", "2"),
        ("object", '{"a": 1}', {"a": 1}),
        ("object", "{a: 1}", "{a: 1}"),
        ("string", "5", "5"),
        ("string", 5, "5"),
        ("string", False, "false"),
        ("string", {"a": [1]}, '{"a":[1]}'),
        ("string", "", None),
        ("number", None, None),
        ("number", 0, 0),
    ],
)
def test_defaults(type_name: str, published: Any, expected: Any) -> None:
    found = default_of(type_name, published)

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("skeleton", "schema"),
    [
        (
            {"name": "str", "ok": "bool", "n": "int", "x": "float", "none": "NoneType"},
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "ok": {"type": "boolean"},
                    "n": {"type": "integer"},
                    "x": {"type": "number"},
                    "none": {"type": "null"},
                },
            },
        ),
        (
            [{"price": "float", "_list_length": 20}],
            {
                "type": "array",
                "items": {"type": "object", "properties": {"price": {"type": "number"}}},
            },
        ),
        (
            {"tags": ["list of str with length 8"], "rows": "list of list with length 3", "no": "empty list"},
            {
                "type": "object",
                "properties": {
                    "tags": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
                    "rows": {"type": "array", "items": {"type": "array"}},
                    "no": {"type": "array"},
                },
            },
        ),
        ('{"a": "int"}', {"type": "object", "properties": {"a": {"type": "integer"}}}),
        (
            {"odd": "a word", "empty": {}, "list": []},
            {
                "type": "object",
                "properties": {"odd": {}, "empty": {"type": "object"}, "list": {"type": "array"}},
            },
        ),
        ('{"cut": "str", "in', None),
        ("", None),
        ({}, None),
        (None, None),
    ],
)
def test_response_skeletons(skeleton: Any, schema: dict[str, Any] | None) -> None:
    assert schema_of(skeleton) == schema


def test_a_skeleton_nested_beyond_reason_is_described_as_far_as_it_is_read() -> None:
    nested: Any = "str"
    for _ in range(500):
        nested = {"a": nested}

    assert str(schema_of(nested)).count("properties") == 40
