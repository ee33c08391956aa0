"""Sessions with real processes, well-behaved and not."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import mcp_echo
import pytest
from mcp_running import alive, gone_within, script, sessions_with

from tasks.errors import ConnectionFailed
from tasks.transport.client import DeadlinePassed
from tasks.transport.mcp.failures import AnswerTooLarge, NotTheProtocol, ServerRefused, StartFailed
from tasks.transport.mcp.server import McpServer
from tasks.transport.mcp.sessions import McpSessions
from tasks.transport.runtime import Runtime

T = TypeVar("T")


def using(sessions: McpSessions, use: Callable[[McpSessions], Awaitable[T]]) -> T:
    async def run() -> T:
        async with sessions:
            return await use(sessions)

    return asyncio.run(run())


async def said(sessions: McpSessions, tool: str, **arguments: Any) -> Any:
    answer = await sessions.call("script", tool, arguments)
    (block,) = answer.result["content"]
    return json.loads(block["text"])


def test_a_tool_is_called() -> None:
    answer = using(sessions_with(script()), lambda s: s.call("script", "measure", {}))

    assert answer.result["structuredContent"] == {"temperature": 21.5, "unit": None}
    assert 0 < answer.latency_ms < 5000


def test_a_server_is_started_once_for_all_calls(tmp_path: Path) -> None:
    async def use(sessions: McpSessions) -> list[Any]:
        return await asyncio.gather(*(said(sessions, "echo", word=str(n)) for n in range(20)))

    found = using(sessions_with(script("--starts", tmp_path / "starts")), use)

    assert found == [{"word": str(n)} for n in range(20)]
    assert (tmp_path / "starts").read_text() == "started\n"


def test_leaving_stops_the_server() -> None:
    process = using(sessions_with(script()), lambda s: said(s, "process"))

    assert not alive(process["pid"])
    assert not alive(process["parent"])


def test_closing_the_runtime_stops_the_server() -> None:
    with Runtime() as runtime:
        process = runtime.run(said(runtime.enter(sessions_with(script())), "process"))

    assert not alive(process["pid"])


def test_a_server_that_does_not_want_to_end_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    using(sessions_with(script("--stubborn", pids)), lambda s: said(s, "echo"))

    assert gone_within([int(pid) for pid in pids.read_text().split()], 1)


def test_a_server_that_died_is_started_again(tmp_path: Path) -> None:
    async def use(sessions: McpSessions) -> tuple[int, int]:
        before = await said(sessions, "process")
        with pytest.raises(ConnectionFailed, match="script: the connection has ended"):
            await sessions.call("script", "die", {})
        after = await said(sessions, "process")
        return before["pid"], after["pid"]

    before, after = using(sessions_with(script("--starts", tmp_path / "starts")), use)

    assert before != after
    assert (tmp_path / "starts").read_text() == "started\n" * 2


def test_calls_at_a_server_that_dies_fail_and_the_next_one_works() -> None:
    async def use(sessions: McpSessions) -> list[Any]:
        calls = [sessions.call("script", tool, {}) for tool in ("never", "never", "die")]
        return [*await asyncio.gather(*calls, return_exceptions=True), await said(sessions, "echo", word="a")]

    *failed, worked = using(sessions_with(script()), use)

    assert [type(error) for error in failed] == [ConnectionFailed] * 3
    assert worked == {"word": "a"}


def test_a_server_is_given_several_chances_to_start(tmp_path: Path) -> None:
    server = script("--starts", tmp_path / "starts", "--fail", "2")

    assert using(sessions_with(server), lambda s: said(s, "echo", word="a")) == {"word": "a"}
    assert (tmp_path / "starts").read_text() == "started\n" * 3


def test_a_server_that_never_starts_is_down_for_good(tmp_path: Path) -> None:
    async def use(sessions: McpSessions) -> list[Any]:
        return [await asyncio.gather(said(sessions, "echo"), return_exceptions=True) for _ in range(5)]

    failures = using(sessions_with(script("--starts", tmp_path / "starts", "--fail", "99")), use)

    assert {type(failure) for (failure,) in failures} == {StartFailed}
    assert (tmp_path / "starts").read_text() == "started\n" * 3
    assert "its last words: script: starting | script: not yet" in str(failures[0][0])


def test_a_server_that_never_says_anything_is_given_up() -> None:
    server = script("--mute", start_timeout_s=0.3)

    with pytest.raises(StartFailed, match="it said nothing that MCP knows within") as failure:
        using(sessions_with(server, starts=1), lambda s: said(s, "echo"))

    assert failure.value.lasting


def test_a_call_has_a_deadline_and_leaves_the_server_usable(tmp_path: Path) -> None:
    async def use(sessions: McpSessions) -> Any:
        with pytest.raises(DeadlinePassed, match=r"script did not answer within 0\.3 s"):
            await sessions.call("script", "never", {})
        return await said(sessions, "echo", word="a")

    sessions = sessions_with(script("--starts", tmp_path / "starts"), timeout_s=0.3)

    assert using(sessions, use) == {"word": "a"}
    assert (tmp_path / "starts").read_text() == "started\n"


@pytest.mark.parametrize("id_at", ["first", "last"])
def test_a_message_too_large_fails_its_own_call_alone(tmp_path: Path, id_at: str) -> None:
    async def use(sessions: McpSessions) -> tuple[Any, Any]:
        huge = sessions.call("script", "huge", {"megabytes": "17", "id_at": id_at})
        return await asyncio.gather(huge, said(sessions, "echo", word="a"), return_exceptions=True)

    failed, worked = using(sessions_with(script("--starts", tmp_path / "starts")), use)

    assert type(failed) is AnswerTooLarge
    assert worked == {"word": "a"}
    assert (tmp_path / "starts").read_text() == "started\n"


def test_a_message_too_large_for_anybody_ends_the_session() -> None:
    async def use(sessions: McpSessions) -> Any:
        with pytest.raises(ConnectionFailed):
            await sessions.call("script", "huge", {"megabytes": "17", "id_at": "middle"})
        return await said(sessions, "echo", word="a")

    assert using(sessions_with(script()), use) == {"word": "a"}


def test_an_error_of_the_server_keeps_its_code_and_words() -> None:
    with pytest.raises(ServerRefused, match="no, thank you") as refused:
        using(sessions_with(script()), lambda s: s.call("script", "refuse", {"code": "-32000"}))

    assert refused.value.code == -32000


def test_a_result_outside_the_protocol_is_told_apart() -> None:
    with pytest.raises(NotTheProtocol, match="script answered with no valid result"):
        using(sessions_with(script()), lambda s: s.call("script", "malformed", {}))


def test_a_result_that_breaks_its_own_schema_is_an_answer() -> None:
    answer = using(sessions_with(script()), lambda s: s.call("script", "off_schema", {}))

    assert answer.result["structuredContent"] == {"degrees": 21.5}


def test_every_page_is_listed_as_the_server_wrote_it(tmp_path: Path) -> None:
    listed: list[Any] = [{"name": f"t{n}", "inputSchema": {"type": "object"}} for n in range(7)]
    listed += [{"name": "\x1b[31m", "inputSchema": 5}, {"inputSchema": {}}, "no tool at all", {"name": 7}]
    (tmp_path / "listing").write_text(json.dumps(listed))

    listing = using(sessions_with(script("--listing", tmp_path / "listing")), lambda s: s.listing("script"))

    assert listing.tools == tuple(listed)
    assert listing.introduction == {"name": "script", "title": "The script", "version": "1"}


def test_a_server_sees_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_KEY", "sk-ours")
    monkeypatch.setenv("ITS_KEY", "sk-its")

    seen = using(sessions_with(script(env={"TOKEN": "ITS_KEY"})), lambda s: said(s, "environment"))

    assert (seen.get("TOKEN"), seen.get("OUR_KEY")) == ("sk-its", None)


def test_what_a_server_says_aside_is_logged_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ITS_KEY", "sk-its")
    sessions = sessions_with(script(env={"TOKEN": "ITS_KEY"}), logs=tmp_path / "logs")

    using(sessions, lambda s: said(s, "echo"))

    assert (tmp_path / "logs" / "mcp-script.log").read_text() == "script: starting [redacted]\n"
    assert capfd.readouterr() == ("", "")


def test_of_a_line_that_is_cut_no_half_of_a_key_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server writes its key over both cuts of a line that is too long."""
    key = "mcp-" + "Zz91Yy82Xx73" * 4
    monkeypatch.setenv("ITS_KEY", key)
    command = (sys.executable, mcp_echo.__file__)
    server = McpServer(name="echo", command=command, env={"TOKEN": "ITS_KEY"})

    listing = using(sessions_with(server, logs=tmp_path), lambda s: s.listing("echo"))

    log = (tmp_path / "mcp-echo.log").read_text()
    assert log.startswith("started with [redacted]")
    assert log.count("\n") == 2
    assert [at for at in range(len(key) - 6) if key[at : at + 6] in log] == []
    assert key not in str(listing)
    assert "[redacted]" in listing.tools[0]["description"]
    assert "[redacted]" in listing.introduction["instructions"]


def test_at_most_so_many_calls_are_in_flight() -> None:
    async def use(sessions: McpSessions) -> float:
        started = asyncio.get_running_loop().time()
        calls = [sessions.call("script", "never", {}) for _ in range(4)]
        await asyncio.gather(*calls, return_exceptions=True)
        return asyncio.get_running_loop().time() - started

    sessions = sessions_with(script(concurrency=2), timeout_s=0.3)

    assert using(sessions, use) >= 0.6


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("empty, and a page behind it", ["a", "b", "c"]),
        ("empty at the end", ["a", "b"]),
        ("not moving", ["a", "b"]),
        ("not moving, with pages behind it", ["a", "b", "c"]),
        ("new each time for the same page", ["a", "b"]),
        ("round in a circle", ["a", "b", "c"]),
        ("a number", ["a", "b", "c"]),
        ("an empty page between", ["a", "b", "c"]),
    ],
)
def test_cursors_as_servers_write_them(how: str, found: list[str]) -> None:
    listed = using(sessions_with(script("--cursors", how)), lambda s: s.listing("script"))

    assert [tool["name"] for tool in listed.tools] == found
