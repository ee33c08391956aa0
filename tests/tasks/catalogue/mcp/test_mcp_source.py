"""Crawling a real server that lists what it is told to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp_running import SCRIPT, gone_within, sessions_with
from pydantic import ValidationError

from tasks.catalogue.mcp.source import McpSource, description_of
from tasks.catalogue.params import CatalogueParams, McpParams
from tasks.catalogue.source import Crawled, Listing
from tasks.errors import UsageError
from tasks.transport.mcp.failures import StartFailed
from tasks.transport.runtime import Runtime


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
