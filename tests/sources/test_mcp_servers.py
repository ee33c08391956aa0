"""Servers as they are published, over both transports: crawled, called, stopped."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from foreign_servers import MCP_EVERYTHING
from mcp_running import children_of, gone_within, sessions_with
from node_packages import installed

from tasks.calling.mcp import McpCaller
from tasks.calling.outcome import CallResult, Outcome
from tasks.catalogue.mcp.source import McpSource
from tasks.catalogue.params import McpParams
from tasks.catalogue.source import Crawled
from tasks.transport.runtime import Runtime
from warehouse.tables.catalogue import Api

pytestmark = pytest.mark.slow

RESOLVE = "*.mcp.test"

Calls = Sequence[tuple[str, dict[str, Any]]]


def crawl(source: McpParams, resolve: dict[str, str] | None = None) -> Crawled:
    with Runtime() as runtime:
        sessions = runtime.enter(sessions_with(source.server, resolve=resolve))
        opened = McpSource(source, lambda name: runtime.run(sessions.listing(name)))
        (crawled,) = opened.fetch(opened.listing().entries)
        return crawled


def call(
    source: McpParams, crawled: Crawled, calls: Calls, resolve: dict[str, str] | None = None
) -> list[CallResult]:
    """The results of calls, each given as the API's name and arguments; the server is gone afterwards."""
    apis = {api.api_name: api for api in crawled.apis}
    before = children_of(os.getpid())
    with Runtime() as runtime:
        sessions = runtime.enter(sessions_with(source.server, resolve=resolve))
        caller = McpCaller(sessions, timeout_s=30, max_bytes=100_000)
        found = [runtime.run(caller.call(apis[name], arguments)) for name, arguments in calls]
        started = set(children_of(os.getpid())) - set(before)
    assert gone_within(sorted(started), 5)
    return found


def value(result: CallResult) -> Any:
    assert (result.outcome, result.detail) == (Outcome.OK, "")
    return json.loads(result.body or "")


def api(crawled: Crawled, name: str) -> Api:
    return next(api for api in crawled.apis if api.api_name == name)


@pytest.fixture(scope="module")
def everything() -> str:
    return str(installed(*MCP_EVERYTHING) / "mcp-server-everything")


@pytest.fixture(scope="module")
def everything_url(everything: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [everything, "streamableHttp"],
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    assert server.poll() is None, "mcp-server-everything ended at once"
    yield f"http://127.0.0.1:{port}"
    server.kill()
    server.wait()


def test_the_time_server() -> None:
    source = McpParams(name="time", command=("mcp-server-time", "--local-timezone", "UTC"), category="Time")

    crawled = crawl(source)

    assert [api.api_id for api in crawled.apis] == ["Time/time/convert_time", "Time/time/get_current_time"]
    assert crawled.rejects == ()
    assert all(api.read_only and api.response_schema for api in crawled.apis)
    converted, unknown, missing = call(
        source,
        crawled,
        [
            ("convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}),
            ("get_current_time", {"timezone": "Mars/Olympus"}),
            ("get_current_time", {}),
        ],
    )
    assert value(converted)["time_difference"] == "+9.0h"
    assert (unknown.outcome, "Mars/Olympus" in (unknown.body or "")) == (Outcome.ERROR_MESSAGE, True)
    assert missing.outcome is Outcome.INVALID_ARGUMENTS


def test_the_git_server_changes_nothing_unless_it_is_allowed_to(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "new").write_text("contents")
    source = McpParams(name="git", command=("mcp-server-git", "--repository", str(tmp_path)))
    allowing = McpParams(**{**source.model_dump(), "allow_tools": ("git_a*",)})
    here = {"repo_path": str(tmp_path)}
    add: Calls = [("git_add", {**here, "files": ["new"]}), ("git_status", here)]

    crawled = crawl(source)
    skipped, before = call(source, crawled, add)
    added, after = call(allowing, crawled, add)

    assert (len(crawled.apis), crawled.rejects) == (12, ())
    assert (skipped.outcome, added.outcome) == (Outcome.UNSAFE_SKIPPED, Outcome.OK)
    assert "Untracked files" in (before.body or "")
    assert "new file:   new" in (after.body or "")


SUM: Calls = [("get-sum", {"a": "2", "b": 3})]
CALLS: Calls = [
    *SUM,
    ("get-structured-content", {"location": "Chicago"}),
    ("get-tiny-image", {}),
    ("get-structured-content", {"location": "Atlantis"}),
]


def check_everything(crawled: Crawled, results: Sequence[CallResult]) -> None:
    assert (len(crawled.apis), crawled.rejects) == (13, ())
    total, structured, image, refused = results
    assert total.body == "The sum of 2 and 3 is 5."
    assert value(structured) == {"temperature": 36, "conditions": "Light rain / drizzle", "humidity": 82}
    assert "[image: image/png, " in (image.body or "")
    assert refused.outcome is Outcome.ERROR_MESSAGE


def test_the_everything_server_over_stdio(everything: str) -> None:
    source = McpParams(name="everything", command=(everything, "stdio"))

    crawled = crawl(source)

    check_everything(crawled, call(source, crawled, CALLS))


def test_the_everything_server_over_http(everything_url: str) -> None:
    source = McpParams(name="everything", url="http://everything.mcp.test/mcp")
    resolve = {RESOLVE: everything_url}

    crawled = crawl(source, resolve)

    check_everything(crawled, call(source, crawled, CALLS, resolve))


def test_a_long_call_is_given_up_and_the_server_goes_on(everything: str) -> None:
    source = McpParams(name="everything", command=(everything, "stdio"))
    crawled = crawl(source)

    with Runtime() as runtime:
        sessions = runtime.enter(sessions_with(source.server, timeout_s=2))
        caller = McpCaller(sessions, timeout_s=2, max_bytes=1000)
        slow = runtime.run(caller.call(api(crawled, "trigger-long-running-operation"), {"duration": 60}))
        quick = runtime.run(caller.call(api(crawled, "get-sum"), {"a": 1, "b": 1}))

    assert (slow.outcome, quick.body) == (Outcome.TIMEOUT, "The sum of 1 and 1 is 2.")
