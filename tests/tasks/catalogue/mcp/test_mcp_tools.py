from __future__ import annotations

from typing import Any

import pytest

from tasks.catalogue.mcp.tools import api_details
from tasks.catalogue.normalise import normalise
from tasks.catalogue.source import Crawled, ToolEntry
from tasks.transport.mcp.server import is_read_only
from warehouse.tables.catalogue import Parameter

ENTRY = ToolEntry(
    id="script",
    category="MCP",
    name="script",
    standardized_name="script",
    source="mcp",
    source_url="mcp://script",
)
EMPTY = {"type": "object", "properties": {}}


def rows(*listed: Any) -> Crawled:
    detail = {"id": "script", "category": "MCP", "name": "script", "host": "mcp://script"}
    return normalise(ENTRY, {**detail, "apis": api_details(listed)})


def test_a_tool_becomes_an_api() -> None:
    crawled = rows(
        {
            "name": "getForecast",
            "title": "Weather forecast",
            "description": "For one city.",
            "annotations": {"readOnlyHint": True},
            "inputSchema": {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": "object",
                "required": ["city"],
                "properties": {
                    "city": {"type": "string", "title": "City", "description": "Its name."},
                    "maxDays": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 3},
                    "place": {"$ref": "#/$defs/Place"},
                },
                "$defs": {"Place": {"type": "object", "properties": {"lat": {"type": "number"}}}},
            },
            "outputSchema": {"type": "object", "properties": {"sky": {"$ref": "#/$defs/Sky"}}}
            | {"$defs": {"Sky": {"enum": ["grey", "blue"]}}},
        }
    )

    (api,) = crawled.apis
    assert (api.api_id, api.function_name) == ("MCP/script/getforecast", "getforecast_for_script")
    assert (api.protocol, api.method, api.url) == ("mcp", "POST", "mcp://script/getForecast")
    assert api.description == "Weather forecast. For one city."
    assert api.read_only
    assert api.content_type == "application/json"
    assert api.response_schema == '{"type":"object","properties":{"sky":{"enum":["grey","blue"]}}}'
    usual: dict[str, Any] = {"location": "body", "required": False, "description": "", "default": None}
    assert api.parameters == (
        Parameter(
            **usual
            | {"name": "city", "arg_name": "city", "type": "string", "required": True, "schema": None}
            | {"description": "Its name."}
        ),
        Parameter(
            **usual
            | {"name": "maxDays", "arg_name": "maxdays", "type": "integer", "default": "3", "schema": None}
        ),
        Parameter(
            **usual
            | {"name": "place", "arg_name": "place", "type": "object"}
            | {"schema": '{"properties":{"lat":{"type":"number"}}}'}
        ),
    )


@pytest.mark.parametrize("schema", [EMPTY, {"type": "object"}, {}])
def test_a_tool_without_arguments_takes_none(schema: dict[str, Any]) -> None:
    (api,) = rows({"name": "ping", "inputSchema": schema}).apis

    assert (api.parameters, api.content_type, api.body_schema) == ((), None, None)


@pytest.mark.parametrize(
    ("annotations", "read_only"),
    [
        ({"readOnlyHint": True}, True),
        ({"readOnlyHint": True, "destructiveHint": False}, True),
        ({"readOnlyHint": True, "destructiveHint": True}, False),
        ({"readOnlyHint": False, "destructiveHint": False}, False),
        ({"readOnlyHint": "true"}, False),
        ({"readOnlyHint": 1}, False),
        ({"destructiveHint": False}, False),
        ({}, False),
        (None, False),
        ("read-only", False),
    ],
)
def test_only_a_tool_that_says_so_is_read_only(annotations: Any, *, read_only: bool) -> None:
    assert is_read_only(annotations) == read_only


@pytest.mark.parametrize(
    ("title", "description", "told"),
    [
        ("Get sum", "Adds.", "Get sum. Adds."),
        ("Get  Ping", "Asks.", "Asks."),
        ("get-ping", None, ""),
        ("Echo", "Echo a word.", "Echo a word."),
        ("Title.", None, "Title."),
        (None, "  a \x07b  ", "a b"),
        (5, 6, ""),
    ],
)
def test_title_and_description_are_told_once(title: Any, description: Any, told: str) -> None:
    tool = {"name": "get_ping", "title": title, "description": description, "inputSchema": EMPTY}

    (api,) = rows(tool).apis

    assert api.description == told


def test_what_cannot_be_used_is_rejected_alone_with_place_and_reason() -> None:
    crawled = rows(
        "no tool",
        {"inputSchema": EMPTY},
        {"name": " \x00 ", "inputSchema": EMPTY},
        {"name": "bare"},
        {"name": "lost", "inputSchema": {"properties": {"a": {"$ref": "#/$defs/A"}}}},
        {"name": "text", "inputSchema": {"type": "string"}},
        {"name": "good", "inputSchema": EMPTY, "outputSchema": {"$ref": "#/nowhere"}},
        {"name": "good", "inputSchema": EMPTY},
    )

    assert [(api.api_name, api.response_schema) for api in crawled.apis] == [("good", None)]
    assert [(row.row_id, row.reason, row.detail) for row in crawled.rejects] == [
        ("MCP/script/#0", "unnamed", "tools/list[0]: an API must be an object with a name"),
        ("MCP/script/#1", "unnamed", "tools/list[1]: an API must be an object with a name"),
        ("MCP/script/#2", "unnamed", "tools/list[2]: an API must be an object with a name"),
        ("MCP/script/bare", "malformed", "tools/list[3]: inputSchema: a schema must be an object"),
        (
            "MCP/script/lost",
            "broken_reference",
            "tools/list[4]: inputSchema/properties/a: $ref '#/$defs/A' leads nowhere",
        ),
        (
            "MCP/script/text",
            "malformed",
            "tools/list[5]: inputSchema: arguments are an object, not string",
        ),
        (
            "MCP/script/good#7",
            "duplicate",
            "tools/list[7]: an API of this name, method and path came before",
        ),
    ]


def test_hostile_names_are_legible_and_still_callable() -> None:
    names = ["a/../b", "x\x1b[31m", "{id}", "?q#f", "näme", "..", " "]
    crawled = rows(*({"name": name, "inputSchema": EMPTY} for name in names))

    assert {api.api_name: api.url for api in crawled.apis} == {
        "a/../b": "mcp://script/a%2F..%2Fb",
        "x[31m": "mcp://script/x%1B%5B31m",
        "{id}": "mcp://script/%7Bid%7D",
        "?q#f": "mcp://script/%3Fq%23f",
        "näme": "mcp://script/n%C3%A4me",
        "..": "mcp://script/..",
    }
    assert [row.reason for row in crawled.rejects] == ["unnamed"]


def test_the_rows_are_the_same_whatever_the_order_of_keys() -> None:
    tool = {"name": "a", "description": "b", "inputSchema": {"type": "object", "properties": {"c": {}}}}

    assert rows(tool).apis[0].fingerprint == rows(dict(reversed(tool.items()))).apis[0].fingerprint
