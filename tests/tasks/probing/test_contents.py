from typing import Any

import pytest

from tasks.probing.contents import has_contents, value_of


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
