"""Calling the tools of MCP servers, under the same outcomes as HTTP APIs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from tasks import exact_json
from tasks.calling.credentials import Credentials
from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.request import InvalidArguments, build_request, host_of
from tasks.calling.verdict import json_of, outcome_of
from tasks.errors import ConnectionFailed, ToolloomError
from tasks.shaping.shorten import json_text
from tasks.transport.client import DeadlinePassed
from tasks.transport.mcp.failures import (
    AnswerTooLarge,
    HttpRefused,
    NotDeclared,
    NotTheProtocol,
    ServerRefused,
)
from tasks.transport.mcp.server import McpServer
from tasks.transport.mcp.sessions import McpSessions
from warehouse.tables.catalogue import Api

# JSON-RPC: the request is at fault, as with HTTP's 400, so that other arguments may fare better; anything
# else is the server's own trouble.
_BY_CODE = {-32600: Outcome.CLIENT_ERROR, -32601: Outcome.NOT_FOUND, -32602: Outcome.CLIENT_ERROR}
_FAILURES = (AnswerTooLarge, ConnectionFailed, HttpRefused, NotTheProtocol, ServerRefused)


class McpCaller:
    """Calls tools where they are: at the server that the API's `mcp://SERVER/TOOL` names."""

    def __init__(self, sessions: McpSessions, *, timeout_s: float, max_bytes: int) -> None:
        self._sessions = sessions
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        """One try.  A tool that may change something is not called unless it is allowed by name."""
        name, tool = host_of(api), tool_of(api)
        server = self._sessions.server(name)
        skipped = why_skipped(api, server)
        if skipped is not None:
            return CallResult(outcome=Outcome.UNSAFE_SKIPPED, detail=skipped)
        try:
            given = _checked(api, arguments)
        except InvalidArguments as error:
            return _refused(Outcome.INVALID_ARGUMENTS, error.message)
        try:
            # A row may come from anywhere: that a tool changes nothing is its server's word, or the user's.
            allowed = server is not None and _is_allowed(tool, server)
            answer = await self._sessions.call(name, tool, given, if_read_only=not allowed)
        except NotDeclared:
            return CallResult(
                outcome=Outcome.UNSAFE_SKIPPED,
                detail=why_skipped(replace(api, read_only=False), server) or "",
            )
        except _FAILURES as error:
            return self._failed(name, error)
        return self._result(name, answer.result, answer.latency_ms)

    def _failed(self, name: str, error: ToolloomError) -> CallResult:
        match error:
            case DeadlinePassed():
                return _failure(Outcome.TIMEOUT, error, latency_ms=self._timeout_s * 1000)
            case AnswerTooLarge():
                return _failure(Outcome.TOO_LARGE, error)
            case HttpRefused():
                outcome = outcome_of(error.status, None, None, n_bytes=0)
                return _failure(outcome, error, retry_after=error.retry_after)
            case ServerRefused():
                outcome = _BY_CODE.get(error.code, Outcome.SERVER_ERROR)
                return _refused(outcome, self._sessions.redactor(name).redact(error.message))
            case NotTheProtocol():
                return _failure(Outcome.SERVER_ERROR, error)
        return _failure(Outcome.CONNECTION_ERROR, error)

    def _result(self, name: str, result: Mapping[str, Any], latency_ms: float) -> CallResult:
        text = text_of(result)
        n_bytes = len(text.encode("utf-8", "replace"))
        if n_bytes > self._max_bytes:
            detail = f"{name} answered with more than {self._max_bytes} bytes"
            return CallResult(outcome=Outcome.TOO_LARGE, latency_ms=latency_ms, detail=detail)
        content_type = "text/plain" if json_of(text) is None else "application/json"
        outcome = outcome_of(200, content_type, text, n_bytes=n_bytes)
        return CallResult(
            outcome=Outcome.ERROR_MESSAGE if result.get("isError") else outcome,
            latency_ms=latency_ms,
            content_type=content_type if text else None,
            n_bytes=n_bytes,
            body=self._sessions.redactor(name).redact(text) or None,
        )


def tool_of(api: Api) -> str:
    """The tool's name as its server wrote it."""
    return unquote(urlsplit(api.url).path.removeprefix("/"))


def why_skipped(api: Api, server: McpServer | None) -> str | None:
    """Why a tool of `server` is not called, and what would change that; None when it is."""
    tool = tool_of(api)
    if server is None:
        return f'no mcp source of `[[catalogue.sources]]` is named "{host_of(api)}"'
    if api.read_only or _is_allowed(tool, server):
        return None
    return (
        f"the server does not declare {json_text(tool)} read-only; if it may be called, name it in "
        f'`allow_tools` of the mcp source "{server.name}" (allow_tools = ["*"] allows all its tools)'
    )


def _is_allowed(tool: str, server: McpServer) -> bool:
    return any(fnmatchcase(tool, glob) for glob in server.allow_tools)


def _checked(api: Api, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by the tool's own names, checked and converted like those of an HTTP API.

    They are what the JSON body of such a request would be.  Raises `InvalidArguments`.
    """
    request = build_request(api, arguments, credentials=Credentials())
    try:
        given: dict[str, Any] = exact_json.loads(request.body or b"{}")
    except orjson.JSONDecodeError as error:
        raise InvalidArguments("the arguments hold text that is not Unicode") from error
    return given


def _failure(
    outcome: Outcome, error: ToolloomError, *, latency_ms: float = 0.0, retry_after: float | None = None
) -> CallResult:
    return CallResult(outcome=outcome, latency_ms=latency_ms, retry_after=retry_after, detail=error.message)


def _refused(outcome: Outcome, message: str) -> CallResult:
    return CallResult(outcome=outcome, body=json_text({"message": message}), detail=message)


def text_of(result: Mapping[str, Any]) -> str:
    """What a tool said: its structured content as JSON text, else its texts joined by line breaks.

    Pictures, sounds and other bytes are named, not carried.
    """
    if result.get("structuredContent") is not None:
        return json_text(result["structuredContent"])
    return "\n".join(_block(block) for block in result.get("content", ()))


def _block(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "text":
            return str(block.get("text", ""))
        case "image" | "audio":
            return _named(f"{block['type']}", block, "data")
        case "resource":
            resource = block.get("resource", {})
            text = resource.get("text")
            return text if isinstance(text, str) else _named("resource", resource, "blob")
    return json_text({name: value for name, value in block.items() if name not in {"_meta", "annotations"}})


def _named(kind: str, block: Mapping[str, Any], payload: str) -> str:
    """Such as "[image: image/png, 1024 characters of base64]"."""
    size = len(str(block.get(payload, "")))
    return f"[{kind}: {block.get('mimeType', 'unknown type')}, {size} characters of base64]"
