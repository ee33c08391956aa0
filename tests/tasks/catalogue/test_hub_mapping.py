"""Another marketplace is a mapping, not code."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.catalogue.mapping import Asking, HubMapping
from tasks.errors import BadRow

CURSOR = Asking(
    url="/graphql",
    method="POST",
    body={
        "query": "query Q($n: Int) { apis { id } }",
        "variables": {"n": "{page_size}", "after": "{cursor}"},
    },
)


def test_placeholders_are_encoded_in_an_address() -> None:
    asking = Asking(url="/tools/{id}?page={page}&x={unknown}")
    assert asking.url_at("http://hub.test", {"id": "A & B/c?d", "page": 2}) == (
        "http://hub.test/tools/A%20%26%20B/c%3Fd?page=2&x={unknown}"
    )


def test_a_whole_address_stands_for_itself() -> None:
    asking = Asking(url="https://detail.test/{id}")
    assert asking.url_at("http://hub.test", {"id": "a"}) == "https://detail.test/a"


def test_a_body_holds_numbers_as_numbers_and_queries_as_they_are() -> None:
    assert CURSOR.body_with({"page": 1, "page_size": 50, "cursor": "MTA="}) == {
        "query": "query Q($n: Int) { apis { id } }",
        "variables": {"n": 50, "after": "MTA="},
    }


def test_an_answer_is_rearranged() -> None:
    asking = Asking(
        url="/x", select="{next: page.end, tools: nodes[].{id: id, name: title, category: 'Pets'}}"
    )
    answer = {"page": {"end": "b"}, "nodes": [{"id": 1, "title": "Cats", "more": True}]}
    assert asking.selected(answer) == {
        "next": "b",
        "tools": [{"id": 1, "name": "Cats", "category": "Pets"}],
    }


def test_an_expression_that_does_not_fit_is_a_bad_row() -> None:
    with pytest.raises(BadRow, match="`select` does not fit the answer"):
        Asking(url="/x", select="sort(@)").selected({"a": 1})


def test_an_expression_that_is_none_is_refused_with_the_configuration() -> None:
    with pytest.raises(ValidationError, match="this is no JMESPath expression"):
        Asking(url="/x", select="{a: ")


@pytest.mark.parametrize(
    ("tool", "renamed"),
    [
        (
            {"apis": [{"parameters": [{"name": "day", "type": "DATE"}, {"name": "n", "type": "NUMBER"}]}]},
            {"apis": [{"parameters": [{"name": "day", "type": "string"}, {"name": "n", "type": "NUMBER"}]}]},
        ),
        ({"apis": [{"parameters": None}, "odd", {"parameters": ["odd", {"type": 3}]}]}, None),
        ({"apis": None}, None),
        ("odd", None),
    ],
)
def test_parameter_types_get_their_names_in_json_schema(tool: Any, renamed: Any) -> None:
    assert HubMapping(types={"DATE": "string"}).with_types(tool) == (tool if renamed is None else renamed)
