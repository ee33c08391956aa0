"""Outcomes of calls to MCP tools, from a real server that misbehaves on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mcp_running import script, sessions_with

from tasks.calling.mcp import McpCaller, Said, said_by, tool_of
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
    '{"type":"resource_link","uri":"a://d","name":"d"}'
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
        ("wrapped_error", Outcome.ERROR_MESSAGE, "text/plain", "Error: the city is unknown"),
        ("list", Outcome.OK, "application/json", "[1,2]"),
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


def test_a_picture_is_an_answer_and_none_in_words(
    runtime: Runtime, caller: McpCaller, mcp_api: MakeApi
) -> None:
    found = call(runtime, caller, mcp_api("picture"))

    assert (found.outcome, found.content_type, found.body) == (Outcome.OK, "image/png", None)
    assert found.n_bytes > 0


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


def texts(*said: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": each} for each in said]


PICTURE = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
TABLE = '{"rows":[{"name":"plum","price":2.5}]}'


@pytest.mark.parametrize(
    ("content", "structured", "said"),
    [
        # What is no object, wrapped by an SDK
        (texts(TABLE), {"result": TABLE}, Said(TABLE)),
        (texts("noon"), {"result": "noon\n"}, Said("noon\n")),
        ([], {"result": "noon"}, Said("noon")),
        (
            texts("Error: no such table"),
            {"result": "Error: no such table"},
            Said("Error: no such table", error=True),
        ),
        (texts("7"), {"result": 7}, Said("7")),
        (texts("a", "b"), {"result": ["a", "b"]}, Said('["a","b"]')),
        (texts('{"a":1}', '{"a":2}'), {"result": [{"a": 1}, {"a": 2}]}, Said('[{"a":1},{"a":2}]')),
        (texts('{"error": "no"}'), {"result": {"error": "no"}}, Said('{"error":"no"}')),
        ([], {"result": None}, Said("")),
        (
            texts("done"),
            {"result": "ok", "took": 3},
            Said('{"content":"done","structuredContent":{"result":"ok","took":3}}'),
        ),
        # Text and structured content that say the same
        (texts('{"a": 1}'), {"a": 1}, Said('{"a":1}')),
        (texts("[1, 2]"), [1, 2], Said("[1,2]")),
        (texts(""), {"a": 1}, Said('{"a":1}')),
        ([], {"a": 1}, Said('{"a":1}')),
        ([], [1], Said("[1]")),
        # One that says less than the other
        (texts("3 plums: red, blue, yellow"), {"count": 3}, Said("3 plums: red, blue, yellow")),
        (texts("1 and 2"), [1, 2], Said("1 and 2")),
        (texts("count: 3"), {"count": 3, "of": ["red", "blue"]}, Said('{"count":3,"of":["red","blue"]}')),
        (texts("as of May"), {"count": 3}, Said('{"content":"as of May","structuredContent":{"count":3}}')),
        (
            texts('{"ok": false, "see": "below"}'),
            {"ok": False, "line": 12},
            Said('{"content":{"ok":false,"see":"below"},"structuredContent":{"ok":false,"line":12}}'),
        ),
        (
            texts("Nothing came."),
            {"error": "the table is locked"},
            Said(
                '{"content":"Nothing came.","structuredContent":{"error":"the table is locked"}}', error=True
            ),
        ),
        # Bytes are no words
        ([PICTURE], None, Said("[image: image/png, 4 characters of base64]", media_type="image/png")),
        (
            [{"type": "audio", "data": "AA"}, PICTURE],
            None,
            Said(
                "[audio: unknown type, 2 characters of base64]\n[image: image/png, 4 characters of base64]",
                media_type="audio/*",
            ),
        ),
        (
            [*texts(" "), PICTURE],
            None,
            Said(" \n[image: image/png, 4 characters of base64]", media_type="image/png"),
        ),
        ([PICTURE, *texts("a plum")], None, Said("[image: image/png, 4 characters of base64]\na plum")),
        ([PICTURE], {"name": "plum"}, Said('{"name":"plum"}')),
        # What the protocol does not know is no reason to lose the rest
        (texts(None, "a"), None, Said("\na")),
        (["a", 1, {"type": "new", "x": 1}], None, Said('{"type":"new","x":1}')),
        (
            [{"type": "resource", "resource": None}],
            None,
            Said("[resource: unknown type, 0 characters of base64]", media_type="application/octet-stream"),
        ),
    ],
)
def test_what_a_tool_says(content: Any, structured: Any, said: Said) -> None:
    assert said_by({"content": content, "structuredContent": structured}) == said


@pytest.mark.parametrize(
    "text",
    [
        "Error: Only reads are allowed",
        "error - the city is unknown",
        "**Error**: no",
        "\u274c Error: no",
        "[ERROR] no connection",
        "Error",
        "Error fetching weather for Oslo",
        "Error executing tool columns: no such table",
        "Error 404: not found",
        "Error code: 503",
        "An error occurred while reading",
        "An unexpected error has occurred.",
        "API error: 500",
        "HTTP error! status: 404",
        "HTTP 502 Bad Gateway",
        "MCP error -32602: Invalid params",
        "Input validation error: 'city' is required",
        "ValueError: no such city",
        "requests.exceptions.ConnectionError: refused",
        "Exception: boom",
        "Traceback (most recent call last):\n  File ...",
        "Failed to fetch the page",
        "Unable to connect to the database",
        "Unknown tool: columns",
        "Invalid arguments for tool columns: table is required",
        '"Error: quoted"',
    ],
)
def test_a_text_that_begins_as_an_error_of_the_server_is_one(text: str) -> None:
    assert said_by({"content": texts(text)}) == Said(text, error=True)


@pytest.mark.parametrize(
    "text",
    [
        "Error rates fell by 3 % in May",
        "Error handling in Go: a guide",
        "Errors and exceptions, chapter 8",
        "Terror: a history",
        "ERROR 2026-05-01 disk full\nINFO 2026-05-01 disk emptied",
        "[ERROR] disk full\n[INFO] disk emptied",
        "No error: 3 rows",
        "The margin of error: 2 %",
        "Failed states index 2026",
        "Invalid votes: 312",
        "3 rows",
        "",
    ],
)
def test_a_text_that_speaks_of_errors_is_an_answer(text: str) -> None:
    assert said_by({"content": texts(text)}) == Said(text)
