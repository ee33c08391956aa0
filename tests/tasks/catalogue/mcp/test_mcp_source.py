"""Crawling a real server that lists what it is told to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp_running import SCRIPT, gone_within, sessions_with
from pydantic import ValidationError

from tasks.catalogue.mcp.source import McpSource, api_details, description_of
from tasks.catalogue.normalise import normalise
from tasks.catalogue.params import CatalogueParams, McpParams
from tasks.catalogue.source import Crawled, Listing, ToolEntry
from tasks.errors import UsageError
from tasks.transport.mcp.failures import StartFailed
from tasks.transport.mcp.server import is_read_only
from tasks.transport.runtime import Runtime
from warehouse.tables.catalogue import Parameter


def source(*options: str | Path, **fields: Any) -> McpParams:
    usual: dict[str, Any] = {"name": "script", "command": ("python3", SCRIPT, *map(str, options))}
    return McpParams(**(usual | fields))


def crawl(params: McpParams, resolve: dict[str, str] | None = None) -> tuple[Listing, list[Crawled]]:
    with Runtime() as runtime:
        sessions = runtime.enter(sessions_with(params.server, resolve=resolve))
        with McpSource(params, lambda name: runtime.run(sessions.listing(name))) as opened:
            listing = opened.listing()
            return listing, opened.fetch(listing.entries)


def test_a_server_is_one_tool_and_its_tools_are_apis() -> None:
    listing, (crawled,) = crawl(source(category="Test", collections=("b", "a")))

    (entry,) = listing.entries
    assert (entry.tool_id, entry.collections, entry.source_url) == ("Test/script", ("a", "b"), "mcp://script")
    assert crawled.tool is not None
    assert (crawled.tool.description, crawled.tool.host, crawled.tool.n_apis) == ("The script", "script", 19)
    assert crawled.rejects == ()
    assert [api.api_name for api in crawled.apis if not api.read_only] == ["remove"]


def test_every_page_counts_and_one_bad_tool_stops_nothing(tmp_path: Path) -> None:
    listed: list[Any] = [{"name": f"tool {n}", "inputSchema": {"type": "object"}} for n in range(8)]
    listed[4] = {"name": "tool 4", "inputSchema": "none"}
    (tmp_path / "listing").write_text(json.dumps(listed))

    _, (crawled,) = crawl(source("--listing", tmp_path / "listing"))

    assert [api.api_name for api in crawled.apis] == [f"tool {n}" for n in range(8) if n != 4]
    assert [(row.row_id, row.reason) for row in crawled.rejects] == [("MCP/script/tool_4", "malformed")]


def test_the_listing_tells_when_anything_has_changed(tmp_path: Path) -> None:
    def updated(description: str) -> str | None:
        tools = [{"name": "a", "description": description, "inputSchema": {"type": "object"}}]
        (tmp_path / "listing").write_text(json.dumps(tools))
        return crawl(source("--listing", tmp_path / "listing"))[0].entries[0].updated

    assert updated("old") == updated("old") != updated("new")


def test_the_server_is_started_once_and_stopped(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    crawl(source("--starts", tmp_path / "starts", "--stubborn", pids))  # listed, and fetched

    assert (tmp_path / "starts").read_text() == "started\n"
    assert gone_within([int(pid) for pid in pids.read_text().split()], 5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"command": ("no-such-server",)}, "is started by `no-such-server`, and there is no such program"),
        ({"command": ("false",)}, "(false) could not be opened: it ended before it had answered"),
        ({"command": ("cat",)}, "(cat) could not be opened: it refused to begin: Method not found"),
        ({"command": ("sleep", "60"), "start_timeout_s": 0.2}, "it said nothing that MCP knows within"),
        ({"env": {"TOKEN": "NOT_SET_HERE"}}, "takes TOKEN from NOT_SET_HERE, which is not set"),
    ],
)
def test_what_is_no_mcp_server_is_bad_usage(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        crawl(source(**fields))

    assert refused.value.message.startswith('the mcp source "script"')
    assert message in refused.value.message
    assert refused.value.fix


def test_a_server_without_tools_is_bad_usage(tmp_path: Path) -> None:
    (tmp_path / "listing").write_text("[]")

    with pytest.raises(UsageError, match="offers no tools"):
        crawl(source("--listing", tmp_path / "listing"))


def test_a_server_that_does_not_answer_now_may_do_so_later() -> None:
    remote = McpParams(name="script", url="http://script.mcp.test/mcp")

    with pytest.raises(StartFailed, match="it cannot be reached"):
        crawl(remote, resolve={"*.mcp.test": "http://127.0.0.1:9"})


def test_the_last_words_of_a_server_hold_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ITS_KEY", "sk-its")

    with pytest.raises(UsageError) as refused:
        crawl(source("--starts", tmp_path / "starts", "--fail", "9", env={"TOKEN": "ITS_KEY"}))

    assert "its last words: script: starting [redacted] | script: not yet" in refused.value.message


def test_two_servers_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match='two mcp sources are named "script"'):
        CatalogueParams(sources=(source(), source()))


@pytest.mark.parametrize(
    ("introduction", "description"),
    [
        ({"instructions": "Ask me.", "description": "A server.", "name": "s"}, "Ask me."),
        ({"instructions": " ", "description": "A server.", "name": "s"}, "A server."),
        ({"title": "Server", "name": "s"}, "Server"),
        ({"name": "s"}, "s"),
        ({}, ""),
    ],
)
def test_a_server_is_described_by_what_it_says_of_itself(
    introduction: dict[str, str], description: str
) -> None:
    assert description_of(introduction) == description


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
