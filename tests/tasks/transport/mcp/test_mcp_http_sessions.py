"""Sessions over streamable HTTP with a server that answers as it is told to."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from aiohttp import web
from mcp_running import sessions_with

from tasks.errors import ConnectionFailed, ToolloomError
from tasks.transport.client import DeadlinePassed
from tasks.transport.mcp.failures import (
    AnswerTooLarge,
    HttpRefused,
    NotTheProtocol,
    ServerRefused,
    StartFailed,
)
from tasks.transport.mcp.server import McpServer
from tasks.transport.mcp.sessions import McpSessions

T = TypeVar("T")
Json = dict[str, Any]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], str]
URL = "http://script.mcp.test/mcp"


class Script:
    """An MCP server over HTTP; `tools/call` is answered by what is given, all else properly."""

    def __init__(self, on_call: Callable[[web.BaseRequest, Json], Awaitable[web.StreamResponse]]) -> None:
        self.on_call = on_call
        self.seen: list[Json] = []
        self.opened = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "POST":
            return web.Response(status=405)
        message = json.loads(await request.read())
        self.seen.append({"method": message["method"], "headers": dict(request.headers)})
        match message["method"]:
            case "initialize":
                self.opened += 1
                return result(message, self._welcome(message), session=f"session {self.opened}")
            case "tools/list":
                return result(message, {"tools": []})
            case "tools/call":
                return await self.on_call(request, message)
            case _ if "id" not in message:
                return web.Response(status=202)
        return error(message, -32601, "Method not found")

    @staticmethod
    def _welcome(message: Json) -> Json:
        version = message["params"]["protocolVersion"]
        about = {"name": "script", "version": "1"}
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}


def result(message: Json, value: Json, session: str | None = None) -> web.Response:
    headers = {} if session is None else {"Mcp-Session-Id": session}
    return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": value}, headers=headers)


def error(message: Json, code: int, text: str, status: int = 200) -> web.Response:
    fault = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": text}}
    return web.json_response(fault, status=status)


def text(said: str) -> Json:
    return {"content": [{"type": "text", "text": said}]}


def server(**fields: Any) -> McpServer:
    return McpServer(**{"name": "script", "url": URL, **fields})


def using(base: str, use: Callable[[McpSessions], Awaitable[T]], timeout_s: float = 30, **fields: Any) -> T:
    async def run() -> T:
        resolve = {"*.mcp.test": base}
        async with sessions_with(
            server(**fields), resolve=resolve, timeout_s=timeout_s, starts=1
        ) as sessions:
            return await use(sessions)

    return asyncio.run(run())


async def call(sessions: McpSessions) -> Any:
    return (await sessions.call("script", "echo", {"word": "a"})).result["content"][0]["text"]


async def outcome(sessions: McpSessions) -> str | ToolloomError:
    try:
        return str(await call(sessions))
    except ToolloomError as failure:
        return failure


async def twice(sessions: McpSessions) -> tuple[str | ToolloomError, str | ToolloomError]:
    return await outcome(sessions), await outcome(sessions)


async def echo(_request: web.BaseRequest, message: Json) -> web.StreamResponse:
    return result(message, text(message["params"]["arguments"]["word"]))


def test_a_tool_is_called_in_one_session(serve: Serve) -> None:
    script = Script(echo)

    assert using(serve(script.handle), twice) == ("a", "a")
    assert script.opened == 1


def test_the_configured_headers_are_sent(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITS_KEY", "Bearer sk-its")
    script = Script(echo)

    using(serve(script.handle), call, headers={"Authorization": "ITS_KEY"})

    assert {seen["headers"].get("Authorization") for seen in script.seen} == {"Bearer sk-its"}
    assert {seen["headers"].get("Accept-Encoding") for seen in script.seen} == {"identity"}


async def too_many(_request: web.BaseRequest, _message: Json) -> web.StreamResponse:
    return web.Response(status=429, headers={"Retry-After": "7"}, text="slow down")


async def broken(_request: web.BaseRequest, _message: Json) -> web.StreamResponse:
    return web.Response(status=502, text="<html>Bad gateway</html>", content_type="text/html")


async def bad_params(_request: web.BaseRequest, message: Json) -> web.StreamResponse:
    return error(message, -32602, "no such city", status=400)


async def huge(_request: web.BaseRequest, message: Json) -> web.StreamResponse:
    return result(message, text("x" * 17_000_000))


async def huge_event(request: web.BaseRequest, message: Json) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    said = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": text("x" * 17_000_000)})
    await response.write(f"event: message\ndata: {said}\n\n".encode())
    return response


async def bomb(_request: web.BaseRequest, message: Json) -> web.StreamResponse:
    said = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": text("x" * 50_000_000)})
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return web.Response(body=gzip.compress(said.encode()), headers=headers)


async def packed(_request: web.BaseRequest, message: Json) -> web.StreamResponse:
    said = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": text("hello")})
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return web.Response(body=gzip.compress(said.encode()), headers=headers)


async def packed_otherwise(_request: web.BaseRequest, _message: Json) -> web.StreamResponse:
    return web.Response(body=b"?", headers={"Content-Encoding": "br", "Content-Type": "application/json"})


async def hang_up(request: web.BaseRequest, _message: Json) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def cut_short(request: web.BaseRequest, _message: Json) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"jsonrpc"')
    assert request.transport is not None
    request.transport.close()
    return response


async def cut_stream(request: web.BaseRequest, _message: Json) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b": nothing yet\n\n")
    return response


async def no_json(_request: web.BaseRequest, _message: Json) -> web.StreamResponse:
    return web.Response(text="hello")


@pytest.mark.parametrize(
    ("on_call", "kind", "message"),
    [
        (too_many, HttpRefused, "script answered 429"),
        (broken, HttpRefused, "script answered 502"),
        (bad_params, ServerRefused, "no such city"),
        (huge, AnswerTooLarge, "script: the answer is larger than allowed"),
        (huge_event, AnswerTooLarge, "script: the answer is larger than allowed"),
        (bomb, AnswerTooLarge, "script: the answer is larger than allowed"),
        (packed_otherwise, ConnectionFailed, "script: UnaskedCompression"),
        (hang_up, ConnectionFailed, "script: RemoteProtocolError"),
        (cut_short, ConnectionFailed, "script: the connection has ended"),
        (cut_stream, ConnectionFailed, "script: the connection has ended"),
        (no_json, NotTheProtocol, "script: Unexpected content type: text/plain; charset=utf-8"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_failure_is_told_apart_and_hurts_nobody_else(
    serve: Serve,
    on_call: Callable[[web.BaseRequest, Json], Awaitable[web.StreamResponse]],
    kind: type[ToolloomError],
    message: str,
) -> None:
    async def first_bad(request: web.BaseRequest, said: Json) -> web.StreamResponse:
        n_calls = sum(seen["method"] == "tools/call" for seen in script.seen)
        return await (on_call if n_calls == 1 else echo)(request, said)

    script = Script(first_bad)

    failure, worked = using(serve(script.handle), twice)

    assert isinstance(failure, ToolloomError)
    assert (type(failure), failure.message) == (kind, message)
    assert worked == "a"


def test_an_answer_that_is_packed_unasked_is_unpacked(serve: Serve) -> None:
    assert using(serve(Script(packed).handle), outcome) == "hello"


def test_a_pause_that_is_asked_for_is_passed_on(serve: Serve) -> None:
    failure = using(serve(Script(too_many).handle), outcome)

    assert isinstance(failure, HttpRefused)
    assert (failure.status, failure.retry_after) == (429, 7.0)


def test_a_call_has_a_deadline(serve: Serve) -> None:
    async def never(_request: web.BaseRequest, _message: Json) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits so long")

    started = asyncio.run(_now())
    failure = using(serve(Script(never).handle), outcome, timeout_s=0.3)

    assert type(failure) is DeadlinePassed
    assert asyncio.run(_now()) - started < 20


def test_a_server_that_does_not_let_go_is_left(serve: Serve) -> None:
    script = Script(echo)

    async def linger(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "DELETE":
            await asyncio.sleep(60)
        return await script.handle(request)

    started = asyncio.run(_now())

    assert using(serve(linger), call) == "a"
    assert asyncio.run(_now()) - started < 12


async def _now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    "forgetful",
    [
        lambda _message: web.Response(status=404, text="what session?"),
        lambda message: error(message, -32600, "Session not found", status=404),
        lambda message: error(message, -32000, "Bad Request: no valid session", status=400),
    ],
)
def test_a_server_that_forgot_the_session_is_greeted_again(
    serve: Serve, forgetful: Callable[[Json], web.Response]
) -> None:
    async def forget(request: web.BaseRequest, message: Json) -> web.StreamResponse:
        current = request.headers.get("Mcp-Session-Id") == "session 2"
        return await echo(request, message) if current else forgetful(message)

    script = Script(forget)

    failure, worked = using(serve(script.handle), twice)

    assert (type(failure), worked) == (ConnectionFailed, "a")
    assert script.opened == 2


@pytest.mark.parametrize(
    ("status", "lasting", "message"),
    [(401, True, "it answered with HTTP status 401"), (503, False, "it answered with HTTP status 503")],
)
def test_a_server_that_refuses_to_begin(serve: Serve, status: int, *, lasting: bool, message: str) -> None:
    async def refuse(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status)

    failure = using(serve(refuse), outcome)

    assert isinstance(failure, StartFailed)
    assert failure.lasting == lasting
    assert failure.message == f'the mcp source "script" ({URL}) could not be opened: {message}'


def test_a_server_that_is_not_there(serve: Serve) -> None:
    del serve
    failure = using("http://127.0.0.1:9", outcome)

    assert isinstance(failure, StartFailed)
    assert not failure.lasting
    assert "it cannot be reached (ConnectError)" in failure.message


def test_a_web_page_is_no_mcp_server(serve: Serve) -> None:
    async def page(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="<html></html>", content_type="text/html")

    failure = using(serve(page), outcome)

    assert isinstance(failure, StartFailed)
    assert failure.lasting
