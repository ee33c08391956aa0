"""One session with an MCP server, in an asyncio task of its own.

The SDK's context managers hold cancel scopes, which must be left by the task that entered them; and the
calls come from everywhere.  What a server lists and answers is kept as it is: the SDK would refuse a whole
listing for one malformed tool, and a whole answer for one field.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from mcp import Client, MCPError
from mcp.client import Transport
from mcp.shared.message import SessionMessage
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    Implementation,
    JSONRPCResponse,
)
from pydantic import ValidationError

from tasks.errors import ConnectionFailed, ToolloomError
from tasks.transport.client import DeadlinePassed
from tasks.transport.mcp.failures import (
    CUT_SHORT,
    TOO_LARGE,
    AnswerTooLarge,
    HttpRefused,
    NotTheProtocol,
    ServerRefused,
    StartFailed,
)
from tasks.transport.mcp.server import McpServer, command_of, environment_of, is_read_only, secrets_of, url_of
from tasks.transport.mcp.stdio import StdioServer, stdio_transport
from tasks.transport.mcp.streamable_http import HTTP_STATUS, RETRY_AFTER, UNREACHABLE, http_transport
from tasks.transport.proxies import Proxies

Message = SessionMessage | Exception

_KEPT = "toolloom/answer"
_FRAME = ("_meta", "resultType")  # of every result


class Listed:
    """Collects the tools of the pages that pass by."""

    def __init__(self) -> None:
        self._tools: list[Any] = []

    def taken(self) -> list[Any]:
        """The tools since the last time, as the server wrote them."""
        tools, self._tools = self._tools, []
        return tools

    def note(self, message: Message) -> Message:
        """Keeps the tools of a page, and leaves in it what the SDK needs for calls; packs answers of tools.

        Without output schemas: like an HTTP API's, an answer that is not quite as documented is an answer.
        """
        answer = message.message if isinstance(message, SessionMessage) else None
        if not isinstance(answer, JSONRPCResponse):
            return message
        if isinstance(answer.result.get("tools"), list) and "content" not in answer.result:
            tools = answer.result["tools"]
            self._tools = list(tools)
            answer.result["tools"] = [
                _needed(tool)
                for tool in tools
                if isinstance(tool, dict) and isinstance(tool.get("name"), str)
            ]
            if isinstance(answer.result.get("nextCursor"), int):  # some servers count
                answer.result["nextCursor"] = str(answer.result["nextCursor"])
        elif _is_answer(answer.result):
            frame = {name: answer.result[name] for name in _FRAME if name in answer.result}
            answer.result = {**frame, "content": [], "structuredContent": {_KEPT: answer.result}}
        return message


def unpacked(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool's answer as the server wrote it, from what the SDK makes of one that `Listed` has packed."""
    structured = result.get("structuredContent")
    kept = structured.get(_KEPT) if isinstance(structured, dict) else None
    return kept if isinstance(kept, dict) else result


@asynccontextmanager
async def noting_tools(transport: Transport, listed: Listed) -> AsyncIterator[tuple[_Noting, Any]]:
    """The streams of `transport`, every incoming message shown to `listed`."""
    async with transport as (incoming, outgoing):
        yield _Noting(incoming, listed), outgoing


class _Noting:
    def __init__(self, incoming: Any, listed: Listed) -> None:
        self._incoming = incoming
        self._listed = listed

    async def receive(self) -> Message:
        return self._listed.note(await self._incoming.receive())

    async def aclose(self) -> None:
        await self._incoming.aclose()

    def __aiter__(self) -> _Noting:
        return self

    async def __anext__(self) -> Message:
        return self._listed.note(await self._incoming.__anext__())

    async def __aenter__(self) -> _Noting:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _is_answer(result: dict[str, Any]) -> bool:
    """Whether it is a tool's, complete and with something to read; all else is the SDK's to judge."""
    if result.get("resultType", "complete") != "complete":
        return False
    readable = isinstance(result["content"], list) if "content" in result else False
    return readable or ("content" not in result and result.get("structuredContent") is not None)


def _needed(tool: dict[str, Any]) -> dict[str, Any]:
    schema = tool.get("inputSchema")
    usable = isinstance(schema, dict) and schema.get("type") == "object"
    return {"name": tool["name"], "inputSchema": schema if usable else {"type": "object"}}


MAX_TOOLS = 10_000

_LONGEST_STOP_S = 15.0
# What servers say over HTTP, with a status of 400 or 404, of a session they know nothing of.
_FORGOTTEN = frozenset({CONNECTION_CLOSED, INVALID_REQUEST, REQUEST_TIMEOUT})
# Of HTTP answers that are no messages.
_SAID_BY_THE_SDK = frozenset({INVALID_REQUEST, PARSE_ERROR})

# What it would log, with tracebacks on the terminal, comes back to us as errors.
for _logger in ("mcp", "client"):
    logging.getLogger(_logger).propagate = False
    logging.getLogger(_logger).addHandler(logging.NullHandler())

Connect = Callable[[Callable[[], None]], Transport]
"""Makes the transport of a session; it calls what it is given when the server has gone."""


class Session:
    """Opened, used and closed in one event loop, by any of its tasks.

    name: for messages.  usable: until the server has gone or forgotten us.  tools: what the server listed
    when the session was opened, each as it wrote it.
    """

    def __init__(self, name: str, connect: Connect, *, over_http: bool) -> None:
        self.usable = False
        self.tools: list[Any] = []
        self._name = name
        self._connect = connect
        self._over_http = over_http
        self._listed = Listed()
        self._client: Client | None = None
        self._cause: BaseException | None = None
        self._settled = asyncio.Event()
        self._leave = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self, timeout_s: float) -> None:
        """Starts the server, shakes hands and asks for its tools.  Raises `StartFailed`."""
        self._task = asyncio.create_task(self._live(), name=f"mcp session {self._name}")
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            await self.close()
            fault = "it said nothing that MCP knows within `start_timeout_s`"
            raise StartFailed(fault, lasting=True) from None
        except asyncio.CancelledError:
            await self.close()
            raise
        if self._client is None:
            raise _start_failure(self._cause) from self._cause

    async def close(self) -> None:
        """Ends the session and what was started for it; may be called more than once."""
        if self._task is None:
            return
        self._end()
        if not self._settled.is_set():
            self._task.cancel()
        _, late = await asyncio.wait([self._task], timeout=_LONGEST_STOP_S)
        for task in late:
            task.cancel()

    async def call(self, tool: str, arguments: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """The result of `tools/call` as plain JSON.

        Raises `DeadlinePassed`, `ConnectionFailed`, and what `tasks.transport.mcp.failures` names.
        """
        client = self._connected()
        try:
            async with asyncio.timeout(timeout_s):
                result = await client.call_tool(tool, dict(arguments))
        except TimeoutError as error:
            raise DeadlinePassed(f"{self._name} did not answer within {timeout_s:g} s") from error
        except MCPError as error:
            raise self._failure(error) from error
        except ValidationError as error:
            raise NotTheProtocol(f"{self._name} answered with no valid result: {_first(error)}") from error
        except RuntimeError as error:
            if not self.usable:
                raise ConnectionFailed(f"{self._name} has gone") from error
            raise NotTheProtocol(f"{self._name}: {error}") from error
        return dict(unpacked(result.model_dump(by_alias=True, exclude_none=True)))

    def declares_read_only(self, tool: str) -> bool:
        """Whether the server itself, when asked for its tools, declared this one to change nothing."""
        named = (each for each in self.tools if isinstance(each, dict) and each.get("name") == tool)
        declared = [is_read_only(each.get("annotations")) for each in named]
        return bool(declared) and all(declared)

    def introduction(self) -> dict[str, Any]:
        """The fields of `serverInfo` and `instructions`, as far as the server gave them."""
        client = self._connected()
        about = client.server_info
        fields = {} if about is None else about.model_dump(mode="json", exclude_none=True)
        return fields | ({} if client.instructions is None else {"instructions": client.instructions})

    async def _live(self) -> None:
        try:
            transport = noting_tools(self._connect(self._end), self._listed)
            ours = Implementation(name="toolloom", version=version("toolloom"))
            async with Client(transport, client_info=ours, cache=None) as client:
                # All pages: the SDK asks for the first one again before each call of a tool it does not know.
                self.tools = await self._listing(client)
                self._client, self.usable = client, not self._leave.is_set()
                self._settled.set()
                await self._leave.wait()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - `open` tells who waits
            self._cause = _innermost(error)
        finally:
            self._end()
            self._settled.set()

    def _end(self) -> None:
        self.usable = False
        self._leave.set()

    def _connected(self) -> Client:
        if self._client is None or not self.usable:
            raise ConnectionFailed(f"{self._name} has gone")
        return self._client

    async def _listing(self, client: Client) -> list[Any]:
        """The tools of all pages.

        An empty cursor is one like any other; but servers also write it, or the same one again, when there is
        nothing more.  So a page that brings only what came before ends the listing.
        """
        found: list[Any] = []
        cursors: set[str] = set()
        cursor: str | None = None
        while len(found) <= MAX_TOOLS and len(cursors) <= MAX_TOOLS:
            page = await client.list_tools(cursor=cursor, cache_mode="bypass")
            listed, cursor = self._listed.taken(), page.next_cursor
            if listed and all(tool in found for tool in listed):
                return found
            found.extend(listed)
            if cursor is None or (not listed and cursor in cursors):
                return found
            cursors.add(cursor)
        raise NotTheProtocol("it lists tools without end")

    def _failure(self, error: MCPError) -> ToolloomError:
        facts = _facts(error)
        status = facts.get(HTTP_STATUS)
        if status in {400, 404} and (error.code in _FORGOTTEN or not error.message):
            self.usable = False
        if TOO_LARGE in error.message:
            return AnswerTooLarge(f"{self._name}: {TOO_LARGE}")
        if not self.usable or self._is_cut_off(error):
            return ConnectionFailed(f"{self._name}: {facts.get(UNREACHABLE, 'the connection has ended')}")
        if isinstance(status, int) and not error.message:
            asked = facts.get(RETRY_AFTER)
            pause_s = asked if isinstance(asked, float) else None
            return HttpRefused(f"{self._name} answered {status}", status=status, retry_after=pause_s)
        if self._over_http and status is None and error.code in _SAID_BY_THE_SDK:
            return NotTheProtocol(f"{self._name}: {error.message}")
        return ServerRefused(error.message, code=error.code)

    def _is_cut_off(self, error: MCPError) -> bool:
        ended = self._over_http and error.code == CONNECTION_CLOSED
        return ended or UNREACHABLE in _facts(error) or CUT_SHORT in error.message


def _facts(error: MCPError) -> Mapping[str, Any]:
    return error.error.data if isinstance(error.error.data, dict) else {}


def _start_failure(cause: BaseException | None) -> StartFailed:
    if isinstance(cause, MCPError):
        return _refused_start(cause)
    if isinstance(cause, ValidationError):
        return StartFailed(f"it answered with nothing that MCP knows: {_first(cause)}", lasting=True)
    if isinstance(cause, NotTheProtocol):
        return StartFailed(cause.message, lasting=True)
    return StartFailed(f"{type(cause).__name__}: {cause}", lasting=True)


def _refused_start(error: MCPError) -> StartFailed:
    facts = _facts(error)
    if UNREACHABLE in facts:
        return StartFailed(f"it cannot be reached ({facts[UNREACHABLE]})", lasting=False)
    if HTTP_STATUS in facts:
        status = facts[HTTP_STATUS]
        return StartFailed(f"it answered with HTTP status {status}", lasting=status != 429 and status < 500)
    if error.code == CONNECTION_CLOSED:
        return StartFailed("it ended before it had answered", lasting=True)
    return StartFailed(f"it refused to begin: {error.message}", lasting=True)


def _innermost(error: BaseException) -> BaseException:
    """The first failure of a group: the others follow from it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _first(error: ValidationError) -> str:
    fault = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def new_session(
    server: McpServer,
    *,
    resolve: Mapping[str, str],
    proxies: Proxies | None,
    max_message_bytes: int,
    timeout_s: float,
    said: Callable[[str], None],
) -> Session:
    """A session that is not open yet.

    timeout_s: longest silence over HTTP.  said: gets every line of a process's standard error.
    """

    def by_process(ended: Callable[[], None]) -> Transport:
        started = StdioServer(
            command=command_of(server),
            env=environment_of(server),
            cwd=server.cwd,
            max_message_bytes=max_message_bytes,
            said=said,
        )
        return stdio_transport(started, ended)

    def by_address(_ended: Callable[[], None]) -> Transport:
        url = url_of(server, resolve)
        parts, proxy = urlsplit(url), None
        if proxies is not None and url == server.url:  # where `resolve` leads is on this machine or beside it
            proxy = proxies.of(parts.scheme, parts.hostname or "", parts.port)
        return http_transport(
            url,
            secrets_of(server),
            proxy=proxy,
            max_message_bytes=max_message_bytes,
            timeout_s=timeout_s,
        )

    over_http = server.url is not None
    return Session(server.name, by_address if over_http else by_process, over_http=over_http)
