from typing import Any

import pytest

from tasks.calling.coerce import coerced
from tasks.exact_json import WrittenFloat

ITEMS = {"items": {"type": "integer"}}
PROPERTIES = {
    "properties": {"n": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}
}


@pytest.mark.parametrize(
    ("value", "json_type", "result"),
    [
        ("5", "integer", 5),
        (" -5 ", "integer", -5),
        (5.0, "integer", 5),
        ("5.5", "integer", "5.5"),
        ("0042", "integer", "0042"),
        ("+4712345678", "integer", "+4712345678"),
        ("98765432109876543210", "integer", 98765432109876543210),
        (1e30, "integer", 1e30),
        ("0042", "number", "0042"),
        ("2.7182818284590452353602874", "number", WrittenFloat("2.7182818284590452353602874")),
        ("12.50", "number", WrittenFloat("12.50")),
        (WrittenFloat("0.10000000000000000000000001"), "string", "0.10000000000000000000000001"),
        (98765432109876543210, "string", "98765432109876543210"),
        ("[98765432109876543210]", "array", [98765432109876543210]),
        ("five", "integer", "five"),
        ("\u0665", "integer", "\u0665"),
        ("1_000", "integer", "1_000"),
        ("9" * 5000, "integer", "9" * 5000),
        (5.5, "integer", 5.5),
        ("5", "number", 5),
        ("5.5", "number", 5.5),
        (".5e-3", "number", 0.0005),
        ("nan", "number", "nan"),
        (5, "number", 5),
        (5, "string", "5"),
        (5.5, "string", "5.5"),
        (True, "string", "true"),
        (["a"], "string", ["a"]),
        ("true", "boolean", True),
        ("False", "boolean", False),
        ("yes", "boolean", "yes"),
        (1, "boolean", 1),
        ("a", "array", ["a"]),
        ('["a", "b"]', "array", ["a", "b"]),
        ("[a, b]", "array", ["[a, b]"]),
        ('{"a": 1}', "object", {"a": 1}),
        ("a=1", "object", "a=1"),
        ("x", "file", "x"),
    ],
)
def test_what_is_plainly_meant_is_converted_and_all_else_stays(
    value: Any, json_type: str, result: Any
) -> None:
    converted = coerced(value, json_type, {})
    assert (str(converted), type(converted)) == (str(result), type(result))


@pytest.mark.parametrize(
    ("value", "json_type", "schema", "result"),
    [
        (["1", 2, "x"], "array", ITEMS, [1, 2, "x"]),
        ("7", "array", ITEMS, [7]),
        ({"n": "1", "tags": 5, "more": "1"}, "object", PROPERTIES, {"n": 1, "tags": ["5"], "more": "1"}),
        ('{"n": "1"}', "object", PROPERTIES, {"n": 1}),
        ([1], "array", {"items": "broken"}, [1]),
        ({"n": "1"}, "object", {"properties": ["broken"]}, {"n": "1"}),
        ({"n": "1"}, "object", {"properties": {"n": {"type": ["integer", "null"]}}}, {"n": "1"}),
    ],
)
def test_items_and_properties_are_followed(
    value: Any, json_type: str, schema: dict[str, Any], result: Any
) -> None:
    assert coerced(value, json_type, schema) == result
