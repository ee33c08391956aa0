"""Calling the tools of MCP servers, under the same outcomes as HTTP APIs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from tasks import exact_json
from tasks.calling.credentials import Credentials
from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.request import InvalidArguments, build_request, host_of
from tasks.calling.verdict import is_error_object, json_of, outcome_of
from tasks.errors import ConnectionFailed, ToolloomError
from tasks.text_budget.shorten import json_text
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
_WORD = re.compile(r"\w+")
# How servers begin a text that is an error and no answer, with marks before it: "Error: no", "KeyError: no",
# "Error fetching x", "MCP error -32602: no", "Failed to fetch"; but not "Error rates fell", "Error handling".
_ERROR = re.compile(
    r"""\W*
    (?: traceback\s\(most\ recent\ call\ last\)
      | (?:(?:an?|the|unexpected|unhandled|internal|fatal|unknown|server|tool|api|https?|mcp|request|input
          |output|validation|execution|runtime|database|sql|query|network|connection|authentication)\s+){0,4}
        (?: (?-i:[A-Za-z_][\w.]*(?:Error|Exception)) | error | exception )
        (?: []*!]{0,3}\s*(?: : | \Z | \n | status\b )
          | \]\s[^\n]*\Z
          | \s+[-\u2013\u2014]\s
          | \s*\(?(?:code\s*)?[=:]?\s*(?:[45]\d\d|-32\d\d\d)\b
          | \s+(?:has\s+)?(?:occurred|happened|was\ raised|while|during|when)\b
          | \s+(?:accessing|calling|connecting|creating|executing|fetching|finding|getting|invoking|listing
              |loading|making|opening|parsing|performing|processing|querying|reading|retrieving|running|searching|sending
              |writing)\b
        )
      | failed\ to\ \w+
      | failure:
      | https?\s[45]\d\d\b
      | unknown\ tool\b
      | invalid\ (?:arguments?|input|parameters?|params)\b[^.\n]*:
      | unable\ to\ (?:access|call|connect|execute|fetch|get|load|open|parse|process|query|reach|read
          |retrieve)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_BEGINNING = 2000  # characters
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
        try:
            said = said_by(result)
        except (orjson.JSONEncodeError, RecursionError):
            detail = f"{name} answered with something that is nested too deeply"
            return CallResult(outcome=Outcome.SERVER_ERROR, latency_ms=latency_ms, detail=detail)
        n_bytes = len(said.text.encode("utf-8", "replace"))
        if n_bytes > self._max_bytes:
            detail = f"{name} answered with more than {self._max_bytes} bytes"
            return CallResult(outcome=Outcome.TOO_LARGE, latency_ms=latency_ms, detail=detail)
        failed = result.get("isError") or said.error
        if said.media_type is not None and not failed:
            # As of an HTTP API that sends a picture: an answer, and none in words.
            return CallResult(
                outcome=Outcome.OK, latency_ms=latency_ms, content_type=said.media_type, n_bytes=n_bytes
            )
        content_type = "text/plain" if json_of(said.text) is None else "application/json"
        outcome = outcome_of(200, content_type, said.text, n_bytes=n_bytes)
        return CallResult(
            outcome=Outcome.ERROR_MESSAGE if failed else outcome,
            latency_ms=latency_ms,
            content_type=content_type if said.text else None,
            n_bytes=n_bytes,
            body=self._sessions.redactor(name).redact(said.text) or None,
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


def skipped_tools(apis: Iterable[Api], servers: Iterable[McpServer]) -> dict[str, str]:
    """Why tools of MCP servers are not called, by `api_id`; from the configuration alone, so that a verdict
    that is carried over has the same reason.
    """
    named = {server.name: server for server in servers}
    why = {api.api_id: why_skipped(api, named.get(host_of(api))) for api in apis if api.protocol == "mcp"}
    return {api_id: reason for api_id, reason in why.items() if reason is not None}


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


@dataclass(frozen=True, slots=True)
class Said:
    """What a tool answered, as text.

    media_type: of the first picture, sound or file, where there is nothing else.  error: that the words begin
    as an error of the server does.
    """

    text: str
    media_type: str | None = None
    error: bool = False


def said_by(result: Mapping[str, Any]) -> Said:
    """What a tool's result says: its texts, its structured content, or both where neither holds the other.

    Pictures, sounds and other bytes are named, not carried.
    """
    raw = result.get("content")
    blocks = [block for block in raw if isinstance(block, Mapping)] if isinstance(raw, list) else []
    in_words = [block for block in blocks if _media_type(block) is None]
    text = "\n".join(map(_block, in_words))
    structured = result.get("structuredContent")
    if structured is None:
        media = None if text.strip() else next(filter(None, map(_media_type, blocks)), None)
        return Said("\n".join(map(_block, blocks)), media, media is None and _begins_as_error(text))
    same = _same_value(structured, in_words, text)
    if same is not _DIFFERENT:
        text = same if isinstance(same, str) else "" if same is None else json_text(same)
        return Said(text, error=isinstance(same, str) and _begins_as_error(text))
    as_json = json_text(structured)
    in_json, in_text = _words(as_json), _words(text)
    if in_text <= in_json:
        return Said(as_json)
    if _words(json_text(_values(structured))) <= in_text:
        return Said(text, error=_begins_as_error(text))
    both = {"content": _loaded(text), "structuredContent": structured}
    return Said(json_text(both), error=_begins_as_error(text) or any(map(is_error_object, both.values())))


_DIFFERENT = object()


def _same_value(structured: Any, blocks: Sequence[Mapping[str, Any]], text: str) -> Any:
    """The value that structured content and texts both are; `_DIFFERENT` when they are not the same.

    SDKs wrap what is no object, such as the string a tool returns, as {"result": ...}, and write it bare as
    text: each element of a list as a text of its own.
    """
    lone = isinstance(structured, dict) and structured.keys() == {"result"}
    inner = structured["result"] if lone else structured
    if isinstance(inner, str) and (not text or inner.strip() == text.strip()):
        return inner
    if not text:
        return inner if inner is None else structured
    if inner in (_loaded(text), [_loaded(_block(block)) for block in blocks]):
        return inner
    return _DIFFERENT


def _loaded(text: str) -> Any:
    """The JSON object, array or number that a text is; else the text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _values(structured: Any) -> list[Any]:
    """Strings, numbers and the like in it, without the names of fields."""
    if isinstance(structured, dict):
        return [value for inner in structured.values() for value in _values(inner)]
    if isinstance(structured, list):
        return [value for inner in structured for value in _values(inner)]
    return [structured]


def _begins_as_error(text: str) -> bool:
    return (
        _ERROR.match(str(_loaded(text))[:_BEGINNING] if text.startswith('"') else text[:_BEGINNING])
        is not None
    )


def _block(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "text":
            text = block.get("text")
            return text if isinstance(text, str) else "" if text is None else json_text(text)
        case "image" | "audio":
            return _named(f"{block['type']}", block, "data")
        case "resource":
            resource = _resource(block)
            text = resource.get("text")
            return text if isinstance(text, str) else _named("resource", resource, "blob")
    return json_text({name: value for name, value in block.items() if name not in {"_meta", "annotations"}})


def _media_type(block: Mapping[str, Any]) -> str | None:
    """Of a block that is no words."""
    kind = block.get("type")
    if kind in {"image", "audio"}:
        return str(block.get("mimeType", f"{kind}/*"))
    resource = _resource(block)
    if kind == "resource" and not isinstance(resource.get("text"), str):
        return str(resource.get("mimeType", "application/octet-stream"))
    return None


def _resource(block: Mapping[str, Any]) -> Mapping[str, Any]:
    resource = block.get("resource")
    return resource if isinstance(resource, Mapping) else {}


def _named(kind: str, block: Mapping[str, Any], payload: str) -> str:
    """Such as "[image: image/png, 1024 characters of base64]"."""
    size = len(str(block.get(payload, "")))
    return f"[{kind}: {block.get('mimeType', 'unknown type')}, {size} characters of base64]"
