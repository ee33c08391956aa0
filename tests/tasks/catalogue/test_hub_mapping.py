"""Another marketplace is a mapping, not code."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.catalogue.mapping import Asking, HubMapping
from tasks.catalogue.source import CrawlReason, UnusableApi
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


def in_our_form(api: Any, **types: str) -> Any:
    """One API of a tool as it is read."""
    return HubMapping(types=types).in_our_form({"id": "a", "apis": [api]})["apis"][0]


def parameter(name: str, place: str, **said: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "type": "string"} | said


@pytest.mark.parametrize("tool", [{"apis": None}, {"apis": ["odd", 3, None]}, "odd", None])
def test_what_is_no_documentation_stays(tool: Any) -> None:
    assert HubMapping(types={"DATE": "string"}).in_our_form(tool) == tool


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (
            {"parameters": [parameter("day", "query", type="DATE")]},
            {"parameters": [parameter("day", "query")]},
        ),
        (
            {"parameters": [parameter("n", "QUERY", type="NUMBER", enum=None)]},
            {"parameters": [parameter("n", "query", type="NUMBER")]},
        ),
        ({"parameters": ["odd", {"type": 3}]}, {"parameters": ["odd", {"type": 3}]}),
        ({"parameters": None, "description": None}, {"parameters": []}),
        ({"parameters": [parameter("theme", "COOKIE")]}, {"parameters": []}),
        ({"path": "/rate/:ccy/on/:day.json"}, {"parameters": [], "path": "/rate/{ccy}/on/{day}.json"}),
        ({"path": "/rate/<ccy>/<int:day>"}, {"parameters": [], "path": "/rate/{ccy}/{day}"}),
        ({"path": "/jobs/{id}:cancel"}, {"parameters": [], "path": "/jobs/{id}:cancel"}),
        ({"path": "moon"}, {"parameters": [], "path": "/moon"}),
        (
            {"path": "https://moon.test/v1/phase"},
            {"parameters": [], "host": "https://moon.test", "path": "/v1/phase"},
        ),
        ({"path": "https://moon.test"}, {"parameters": [], "host": "https://moon.test", "path": "/"}),
        (
            {"security": [{"kind": "API_KEY", "location": "Header", "name": "X-Key"}]},
            {"parameters": [], "security": [{"kind": "api_key", "location": "header", "name": "X-Key"}]},
        ),
        ({"security": [{"kind": "api_key", "name": None}]}, {"parameters": [], "security": []}),
        ({"security": {"kind": "bearer"}}, {"parameters": [], "security": [{"kind": "bearer"}]}),
        ({"security": "odd"}, {"parameters": [], "security": "odd"}),
    ],
)
def test_an_api_is_brought_into_our_form(said: Any, read: Any) -> None:
    assert in_our_form(said, DATE="string") == {"body": None} | read


OBJECT = {
    "type": "object",
    "properties": {"day": {"type": "string", "example": "2026-05-01"}},
    "required": ["day"],
}
FIELD = {"name": "day", "type": "DATE", "required": True, "example": "2026-05-01"}


@pytest.mark.parametrize(
    ("said", "body"),
    [
        ({"body": {"schema": OBJECT}}, {"schema": OBJECT}),
        ({"body": {"schema": {"type": "object", "properties": [FIELD]}}}, {"schema": OBJECT}),
        (
            {"body": {"content_type": "application/json", "fields": [FIELD]}},
            {"content_type": "application/json", "schema": OBJECT},
        ),
        ({"parameters": [FIELD | {"in": "BODY"}]}, {"schema": OBJECT}),
        (
            {"parameters": [FIELD | {"in": "formData"}]},
            {"content_type": "application/x-www-form-urlencoded", "schema": OBJECT},
        ),
        ({"body": {"content_type": None, "schema": {"type": "object", "properties": None}}}, None),
        (
            {"body": {"schema": {"type": "object", "properties": ["odd"]}}},
            {"schema": {"type": "object", "properties": ["odd"]}},
        ),
        (
            {"body": {"content_type": "text/plain", "schema": {"type": "string"}}},
            {"content_type": "text/plain", "schema": {"type": "string"}},
        ),
        ({"body": "odd"}, "odd"),
    ],
)
def test_fields_of_a_body_may_be_a_list(said: Any, body: Any) -> None:
    assert in_our_form(said, DATE="string") == {"parameters": [], "body": body}


def test_a_cookie_that_must_be_sent_costs_the_api() -> None:
    found = in_our_form({"name": "Moon", "parameters": [parameter("session", "cookie", required=True)]})

    assert found == UnusableApi(
        name="Moon",
        place="",
        reason=CrawlReason.UNSUPPORTED_PARAMETER,
        detail="the required parameter 'session' is a cookie",
    )
