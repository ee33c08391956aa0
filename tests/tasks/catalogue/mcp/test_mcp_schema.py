from __future__ import annotations

from typing import Any

import pytest

from tasks.catalogue.mcp.schema import MAX_NODES, plain_schema
from tasks.errors import BadRow

STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("document", "plain"),
    [
        ({"type": "object", "title": "T", "additionalProperties": False}, {"type": "object"}),
        ({"type": ["null", "integer"]}, {"type": "integer"}),
        ({"type": "any"}, {}),
        ({"const": 5}, {"enum": [5]}),
        ({"enum": ["a", None]}, {"enum": ["a"]}),
        ({"description": "a\x1b[31m\u202eb"}, {"description": "a[31mb"}),
        ({"properties": {"a": True, "b": False}}, {"properties": {"a": {}}}),
        ({"required": True, "minimum": "low", "maximum": True, "description": 5}, {}),
        ({"required": ["a", 5]}, {"required": ["a"]}),
        ({"items": [STRING]}, {}),
        ({"type": "array", "items": {"type": "string", "maxLength": 3}},) * 2,
        ({"anyOf": [{"type": "null"}, STRING], "default": "a"}, {"type": "string", "default": "a"}),
        ({"oneOf": [STRING, {"type": "integer"}]}, STRING),
        ({"anyOf": [{"type": "null"}]}, {}),
        (
            {"allOf": [{"properties": {"a": STRING}, "required": ["a"]}, {"properties": {"b": STRING}}]},
            {"properties": {"a": STRING, "b": STRING}, "required": ["a"]},
        ),
        (
            {"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": STRING}, "description": "own"},
            {"type": "string", "description": "own"},
        ),
        (
            {"properties": {"a": {"$ref": "#/definitions/A"}}, "definitions": {"A": STRING}},
            {"properties": {"a": STRING}},
        ),
        (
            {"properties": {"a": {"$ref": "#/allOf/0"}}, "allOf": [STRING]},
            {"properties": {"a": STRING}, "type": "string"},
        ),
    ],
)
def test_a_schema_becomes_plain(document: dict[str, Any], plain: dict[str, Any]) -> None:
    assert plain_schema(document, "inputSchema") == plain


TREE = {
    "type": "object",
    "description": "A node.",
    "properties": {"value": STRING, "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
}


def test_a_schema_inside_itself_is_cut_where_it_begins_again() -> None:
    document = {"properties": {"tree": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": TREE}}

    plain = plain_schema(document, "inputSchema")

    children = {"type": "array", "items": {"type": "object", "description": "A node."}}
    assert plain["properties"]["tree"]["properties"] == {"value": STRING, "children": children}


def test_a_schema_that_is_only_itself_says_nothing() -> None:
    assert plain_schema({"$ref": "#"}, "inputSchema") == {}


@pytest.mark.parametrize(
    ("document", "reason", "message"),
    [
        (None, "malformed", "s: a schema must be an object"),
        ([], "malformed", "s: a schema must be an object"),
        ({"properties": {"a": 5}}, "malformed", "s/properties/a: a schema must be an object"),
        ({"$ref": "#/$defs/A"}, "broken_reference", "s: $ref '#/$defs/A' leads nowhere"),
        (
            {"items": {"$ref": "http://a.test/s.json"}},
            "broken_reference",
            "s/items: $ref 'http://a.test/s.json' leads out of the tool's schema",
        ),
        (
            {"$ref": "#/$defs", "$defs": 5},
            "broken_reference",
            "s: $ref '#/$defs' leads to something that is no schema",
        ),
        ({"$ref": 5}, "broken_reference", "s: $ref 5 leads out of the tool's schema"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(document: Any, reason: str, message: str) -> None:
    with pytest.raises(BadRow) as fault:
        plain_schema(document, "s")

    assert (fault.value.reason, fault.value.message) == (reason, message)


def test_references_that_multiply_are_refused() -> None:
    doubling = {
        f"L{level}": {"properties": {side: {"$ref": f"#/$defs/L{level + 1}"} for side in "ab"}}
        for level in range(40)
    }
    document = {"$ref": "#/$defs/L0", "$defs": {**doubling, "L40": STRING}}

    with pytest.raises(BadRow, match=f"s: more than {MAX_NODES:,} schemas") as fault:
        plain_schema(document, "s")

    assert fault.value.reason == "too_large"


def test_a_schema_nested_without_end_is_cut() -> None:
    document: dict[str, Any] = {}
    for _ in range(190):
        document = {"items": document}

    plain, depth = plain_schema(document, "s"), 0
    while "items" in plain:
        plain, depth = plain["items"], depth + 1

    assert 30 <= depth < 190
