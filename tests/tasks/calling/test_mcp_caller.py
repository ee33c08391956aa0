"""Outcomes of calls to MCP tools, from a real server that misbehaves on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mcp_running import script, sessions_with

from tasks.calling.mcp import McpCaller, text_of, tool_of
from tasks.calling.outcome import CallResult, Outcome
from tasks.transport.runtime import Runtime
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime() as runtime:
        yield runtime


@pytest.fixture(scope="module")
def caller(runtime: Runtime) -> McpCaller:
    sessions = sessions_with(script(), timeout_s=30)
    return McpCaller(runtime.enter(sessions), timeout_s=30, max_bytes=100_000)


@pytest.fixture
def mcp_api(make_api: MakeApi) -> MakeApi:
    """An API of the script, from its tool's name and parameters."""

    def make(tool: str, *parameters: dict[str, Any], **fields: Any) -> Api:
        own: dict[str, Any] = {"protocol": "mcp", "method": "POST", "url": f"mcp://script/{tool}"}
        own["content_type"] = "application/json" if parameters else None
        return make_api(*({"location": "body", **each} for each in parameters), **(own | fields))

    return make


def call(runtime: Runtime, caller: McpCaller, api: Api, **arguments: Any) -> CallResult:
    return runtime.run(caller.call(api, arguments))


MEDIA = (
    "[image: image/png, 4 characters of base64]\n"
    "[resource: x/y, 8 characters of base64]\n"
    "the text\n"
    '{"name":"d","uri":"a://d","type":"resource_link"}'
)


@pytest.mark.parametrize(
    ("tool", "outcome", "content_type", "body"),
    [
        ("measure", Outcome.OK, "application/json", '{"temperature":21.5,"unit":null}'),
        ("off_schema", Outcome.OK, "application/json", '{"degrees":21.5}'),
        ("media", Outcome.OK, "text/plain", MEDIA),
        ("nothing", Outcome.EMPTY, None, None),
        ("fail", Outcome.ERROR_MESSAGE, "text/plain", "the city is unknown"),
        ("error_text", Outcome.ERROR_MESSAGE, "application/json", '{"error": "the city is unknown"}'),
        ("page", Outcome.HTML, "text/plain", "<html><body>Sign in</body></html>"),
    ],
)
def test_an_answer(
    runtime: Runtime,
    caller: McpCaller,
    mcp_api: MakeApi,
    tool: str,
    outcome: Outcome,
    content_type: str | None,
    body: str | None,
) -> None:
    found = call(runtime, caller, mcp_api(tool))

    assert (found.outcome, found.content_type, found.body) == (outcome, content_type, body)
    assert found.n_bytes == len((body or "").encode())
    assert found.http_status is None
    assert found.latency_ms > 0


@pytest.mark.parametrize(
    ("tool", "arguments", "outcome", "body"),
    [
        ("refuse", {"code": "-32602"}, Outcome.CLIENT_ERROR, '{"message":"no, thank you"}'),
        ("refuse", {"code": "-32601"}, Outcome.NOT_FOUND, '{"message":"no, thank you"}'),
        ("refuse", {"code": "-32600"}, Outcome.CLIENT_ERROR, '{"message":"no, thank you"}'),
        ("refuse", {"code": "-32603"}, Outcome.SERVER_ERROR, '{"message":"no, thank you"}'),
        ("refuse", {"code": "7"}, Outcome.SERVER_ERROR, '{"message":"no, thank you"}'),
        ("malformed", {}, Outcome.SERVER_ERROR, None),
        ("die", {}, Outcome.CONNECTION_ERROR, None),
        ("huge", {"megabytes": "0.2"}, Outcome.TOO_LARGE, None),
        ("huge", {"megabytes": "17"}, Outcome.TOO_LARGE, None),
    ],
)
def test_a_failure(
    runtime: Runtime,
    caller: McpCaller,
    mcp_api: MakeApi,
    tool: str,
    arguments: dict[str, str],
    outcome: Outcome,
    body: str | None,
) -> None:
    found = call(runtime, caller, mcp_api(tool, *({"name": name} for name in arguments)), **arguments)

    assert (found.outcome, found.body) == (outcome, body)
    assert found.detail


def test_a_call_past_its_deadline(runtime: Runtime, mcp_api: MakeApi) -> None:
    sessions = runtime.enter(sessions_with(script(), timeout_s=0.5))

    found = call(runtime, McpCaller(sessions, timeout_s=0.5, max_bytes=1000), mcp_api("never"))

    assert (found.outcome, found.latency_ms) == (Outcome.TIMEOUT, 500)


def test_arguments_are_converted_and_sent_by_their_own_names(
    runtime: Runtime, caller: McpCaller, mcp_api: MakeApi
) -> None:
    api = mcp_api(
        "echo",
        {"name": "maxResults", "arg_name": "maxresults", "type": "integer"},
        {"name": "tags", "type": "array", "schema": '{"items":{"type":"string"}}'},
        {"name": "left out"},
    )

    found = call(runtime, caller, api, maxresults="5", tags=[1])

    assert found.body == '{"maxResults": 5, "tags": ["1"]}'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "required but missing: word. Valid arguments: word (string, required)"),
        ({"word": "a", "extra": 1}, "unknown: extra. Valid arguments: word (string, required)"),
        ({"word": "\ud800"}, "the arguments hold text that is not Unicode"),
    ],
)
def test_arguments_that_do_not_fit_are_explained(
    runtime: Runtime, caller: McpCaller, mcp_api: MakeApi, arguments: dict[str, Any], message: str
) -> None:
    found = call(runtime, caller, mcp_api("echo", {"name": "word", "required": True}), **arguments)

    assert (found.outcome, found.detail) == (Outcome.INVALID_ARGUMENTS, message)
    assert found.body == f'{{"message":"{message}"}}'


def test_a_tool_that_may_change_something_is_not_called(
    runtime: Runtime, caller: McpCaller, mcp_api: MakeApi
) -> None:
    found = call(runtime, caller, mcp_api("remove", read_only=False))

    assert found == CallResult(
        outcome=Outcome.UNSAFE_SKIPPED,
        detail='the server does not declare "remove" read-only; if it may be called, name it in '
        '`allow_tools` of the mcp source "script" (allow_tools = ["*"] allows all its tools)',
    )


@pytest.mark.parametrize("tool", ["remove", "unheard_of"])
def test_that_a_tool_only_reads_is_the_servers_word_and_not_a_rows(
    runtime: Runtime, caller: McpCaller, mcp_api: MakeApi, tool: str
) -> None:
    found = call(runtime, caller, mcp_api(tool, read_only=True))

    assert found.outcome is Outcome.UNSAFE_SKIPPED
    assert found.detail.startswith(f'the server does not declare "{tool}" read-only')


@pytest.mark.parametrize(
    ("allowed", "outcome"),
    [
        (("remove",), Outcome.OK),
        (("r*",), Outcome.OK),
        (("*",), Outcome.OK),
        (("echo",), Outcome.UNSAFE_SKIPPED),
        (("Remove",), Outcome.UNSAFE_SKIPPED),
    ],
)
def test_a_tool_that_is_allowed_by_name_is_called(
    mcp_api: MakeApi, allowed: tuple[str, ...], outcome: Outcome
) -> None:
    async def run() -> CallResult:
        async with sessions_with(script(allow_tools=allowed)) as sessions:
            caller = McpCaller(sessions, timeout_s=5, max_bytes=1000)
            return await caller.call(mcp_api("remove", read_only=False), {})

    assert asyncio.run(run()).outcome is outcome


def test_a_server_that_is_configured_no_more(runtime: Runtime, caller: McpCaller, mcp_api: MakeApi) -> None:
    found = call(runtime, caller, mcp_api("echo", url="mcp://gone/echo"))

    assert (found.outcome, found.detail) == (
        Outcome.UNSAFE_SKIPPED,
        'no mcp source of `[[catalogue.sources]]` is named "gone"',
    )


def test_secrets_are_taken_out_of_answers_and_errors(
    mcp_api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITS_KEY", "thank you")

    async def run() -> tuple[CallResult, CallResult]:
        async with sessions_with(script(env={"TOKEN": "ITS_KEY"})) as sessions:
            caller = McpCaller(sessions, timeout_s=5, max_bytes=100_000)
            refused = await caller.call(mcp_api("refuse", {"name": "code"}), {"code": "1"})
            return refused, await caller.call(mcp_api("environment"), {})

    refused, answered = asyncio.run(run())

    assert refused.body == '{"message":"no, [redacted]"}'
    assert '"TOKEN": "[redacted]"' in (answered.body or "")
    assert "thank you" not in repr((refused, answered))


def test_a_tools_name_survives_the_address(mcp_api: MakeApi) -> None:
    assert tool_of(mcp_api("a%2Fb%20%7Bc%7D%3F%23%C3%A9")) == "a/b {c}?#é"


def test_structured_content_goes_before_text() -> None:
    assert text_of({"structuredContent": [1], "content": [{"type": "text", "text": "one"}]}) == "[1]"
    assert text_of({}) == ""
