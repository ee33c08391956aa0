from typing import Any

import pytest

from tasks.probing.leaves import leaves_of


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
