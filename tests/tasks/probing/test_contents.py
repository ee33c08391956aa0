from typing import Any

import pytest

from tasks.probing.contents import has_contents, leaves_of, value_of


@pytest.mark.parametrize(
    ("value", "says_something"),
    [
        ({}, False),
        ([[], {}], False),
        ({"a": None, "b": ""}, False),
        ("OK", False),
        ("Pong!", False),
        ({"status": "success", "data": []}, False),
        ({"valid": False}, True),
        ({"valid": True, "errors": []}, True),
        ({"count": 0}, True),
        ({"count": 0, "results": []}, False),
        ({"success": True, "page": 1, "total_pages": 0, "items": [], "took": 3}, False),
        ({"data": {"total": 0, "hits": []}, "status": "ok"}, False),
        ({"query": "oslo", "results": {}}, False),
        ({"name": "Oslo", "tags": []}, True),
        ({"page": 1, "items": [{"id": 0}], "tags": []}, True),
        ({"status": "ok", "data": [{"id": 0}]}, True),
        ("Oslo", True),
        ({"status": "error handling"}, True),
    ],
)
def test_contents(value: Any, says_something: bool) -> None:
    assert has_contents(value) is says_something


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"a": [1]}', {"a": [1]}),
        (" a,b\n1,2\n", "a,b\n1,2"),
        ('{"a": ', '{"a":'),
        ("[" * 100 + "]" * 100, None),
        ("[" * 101 + "]" * 101, "[" * 101 + "]" * 101),
        ('{"a":' * 1000 + "1" + "}" * 1000, '{"a":' * 1000 + "1" + "}" * 1000),
    ],
    ids=["json", "text", "broken", "deep", "too deep", "an abyss"],
)
def test_the_value_of_a_body(body: str, value: Any) -> None:
    found = value_of(body)
    assert found == value if value is not None else isinstance(found, list)
    assert has_contents(found) == (value is not None)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"deeper": value}
    return value


@pytest.mark.parametrize(
    ("value", "leaves"),
    [
        ({"b": 1, "a": "x"}, {"a": "string", "b": "integer"}),
        ({"a": {"b": True, "c": 1.5}}, {"a.b": "boolean", "a.c": "number"}),
        ([{"a": 1}, {"a": 2.5, "b": None}], {"[].a": "number", "[].b": "null"}),
        ({"a": [[1], []]}, {"a[][]": "integer"}),
        ({"a": [], "b": {}, "c": None}, {"a": "array", "b": "object", "c": "null"}),
        ([{"a": None}, {"a": "x"}], {"[].a": "string"}),
        ([{"a": None}, {"a": {"b": 1}}], {"[].a.b": "integer"}),
        ([{"a": "x"}, {"a": 1}], {"[].a": "string"}),
        ({"rates": {"2024-01-15": 1, "2024-01-16": 2.5}}, {"rates.*": "number"}),
        ({f"key {n}": {"a": n} for n in range(41)}, {"*.a": "integer"}),
        ({"a.b": 1}, {"a_b": "integer"}),
        ("plain words", {"": "text"}),
        ([], {"": "array"}),
        (nested(20), {".".join(["deeper"] * 12): "object"}),
    ],
)
def test_leaves(value: Any, leaves: dict[str, str]) -> None:
    assert {leaf.path: leaf.type for leaf in leaves_of(value)} == leaves


def test_the_order_of_keys_and_the_data_do_not_matter() -> None:
    one = {"items": [{"id": 1, "name": "a"}], "total": 1}
    other = {"total": 7, "items": [{"name": "b", "id": 2}, {"name": "c", "id": 3}]}
    assert leaves_of(one) == leaves_of(other)


def test_an_answer_made_to_keep_us_busy_has_few_leaves() -> None:
    wide = {f"key{n}": {f"inner{m}" * 50: m for m in range(30)} for n in range(40)}
    leaves = leaves_of({f"top{n}": wide for n in range(40)})
    assert len(leaves) == 300
    assert max(len(leaf.path) for leaf in leaves) <= 12 * 101
