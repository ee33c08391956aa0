"""The sessions of a run: one per server, opened when first needed, shared, opened anew when it has died.

What a server says on its standard error is kept for people who look for a fault, and never with a secret.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tasks.transport.client import RateLimiter
from tasks.transport.mcp.failures import NotDeclared, StartFailed
from tasks.transport.mcp.server import McpServer, check_servers, redactor_of
from tasks.transport.proxies import Proxies
from tasks.transport.redactor import NO_SECRETS, Redactor
from tasks.transport.retry import Backoff

if TYPE_CHECKING:
    from tasks.transport.mcp.session import Session

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0


class Supervised:
    """A server and the session with it, which is opened when first needed and anew when it has died.

    starts: tries to start it; when all have failed, it counts as down for good.  timeout_s: longest silence
    over HTTP.  in_flight: the limit of calls at once.
    """

    def __init__(
        self,
        server: McpServer,
        *,
        resolve: Mapping[str, str],
        proxies: Proxies | None,
        max_message_bytes: int,
        timeout_s: float,
        log: Path | None,
        starts: int,
        redactor: Redactor = NO_SECRETS,
    ) -> None:
        self.server = server
        self.redactor = redactor_of(server, redactor.secrets)
        self.in_flight = asyncio.Semaphore(server.concurrency)
        self._resolve = resolve
        self._proxies = proxies
        self._max_message_bytes = max_message_bytes
        self._timeout_s = timeout_s
        self._starts = starts
        self._remarks = Remarks(self.redactor, log)
        self._starting = asyncio.Lock()
        self._users: dict[Session, int] = {}
        self._current: Session | None = None
        self._down: StartFailed | None = None
        self._deaths = 0

    @asynccontextmanager
    async def using(self) -> AsyncIterator[Session]:
        """The session, started if need be.  Raises `StartFailed`.

        One that has died is closed by the last who used it, so that nobody's answer is lost.
        """
        session = await self._session()
        self._users[session] = self._users.get(session, 0) + 1
        try:
            yield session
            self._deaths = 0
        finally:
            self._users[session] -= 1
            if not session.usable and not self._users[session]:
                await session.close()
                self._users.pop(session, None)

    async def close(self) -> None:
        """Stops the server, whoever may still use it."""
        sessions = {*self._users, *([] if self._current is None else [self._current])}
        await asyncio.gather(*(session.close() for session in sessions))

    async def _session(self) -> Session:
        async with self._starting:
            if self._down is not None:
                raise self._down.with_traceback(None)
            if self._current is not None and not self._current.usable:
                await self._bury(self._current)
            if self._current is None:
                self._current = await self._started()
            return self._current

    async def _bury(self, session: Session) -> None:
        self._current = None
        self._deaths += 1
        if not self._users.get(session):
            await session.close()
        if self._deaths > 1:
            await asyncio.sleep(_pause_s(self._deaths - 1))

    async def _started(self) -> Session:
        """A new session, after several tries that together take no longer than one may."""
        deadline = time.monotonic() + self.server.start_timeout_s
        for failures in range(1, self._starts + 1):
            session = self._new_session()
            self._remarks.forget()
            try:
                await session.open(max(0.0, deadline - time.monotonic()))
            except StartFailed as failure:
                pause = _pause_s(failures)
                if failures == self._starts or time.monotonic() + pause > deadline:
                    self._down = self._explained(failure)
                    raise self._down from failure
                await asyncio.sleep(pause)
            else:
                return session
        raise AssertionError("the last try returns or raises")

    def _explained(self, failure: StartFailed) -> StartFailed:
        """The failure with the server's name and last words."""
        remarks = self._remarks.last
        words = f"; its last words: {remarks}" if remarks else ""
        what = f'the mcp source "{self.server.name}" ({self.server.where}) could not be opened'
        return StartFailed(
            self.redactor.redact(f"{what}: {failure.message}{words}"),
            lasting=failure.lasting,
            fix="`command` must start a server that speaks MCP over stdin and stdout"
            if self.server.command
            else "`url` must be the address at which a server speaks MCP over streamable HTTP",
        )

    def _new_session(self) -> Session:
        from tasks.transport.mcp.session import new_session  # noqa: PLC0415 - only who has servers needs the SDK

        return new_session(
            self.server,
            resolve=self._resolve,
            proxies=self._proxies,
            max_message_bytes=self._max_message_bytes,
            timeout_s=max(self._timeout_s, self.server.start_timeout_s),
            said=self._remarks.add,
        )


def _pause_s(times: int) -> float:
    return Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S).pause_s(times)


LARGEST_LOG = 1_000_000  # characters of one run

_LAST = 5


class Remarks:
    """Keeps the last lines, and appends all of them to `log` when there is one."""

    def __init__(self, redactor: Redactor, log: Path | None) -> None:
        self._redactor = redactor
        self._log = log
        self._left = LARGEST_LOG
        self._last: deque[str] = deque(maxlen=_LAST)

    def add(self, line: str) -> None:
        line = "".join(each for each in self._redactor.redact(line) if each.isprintable() or each == "\t")
        line = line.rstrip()
        if not line:
            return
        self._last.append(line)
        if self._log is not None and self._left > 0:
            self._left -= len(line)
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"{line}\n")

    def forget(self) -> None:
        self._last.clear()

    @property
    def last(self) -> str:
        """The last lines in one, or nothing."""
        return " | ".join(self._last)


# Messages carry text escaped, pictures and pages of tools; only the text of an answer has the caller's limit.
LEAST_MESSAGE_BYTES = 16_000_000


@dataclass(frozen=True)
class McpListing:
    """What a server offers.  tools: each as it wrote it; introduction: `serverInfo` and `instructions`."""

    tools: tuple[Any, ...]
    introduction: Mapping[str, Any]


@dataclass(frozen=True)
class McpAnswer:
    """result: of `tools/call`, plain JSON.  latency_ms: without waiting for our limits or for a start."""

    result: Mapping[str, Any]
    latency_ms: float


class McpSessions:
    """An async context manager; leaving it stops every server.  Used in one event loop.

    resolve: host globs to the base URLs that really serve them.  max_bytes: of the text of an answer, from
    which the limit of a message follows.  logs: folder for what servers say on standard error.  starts: tries
    to start a server before it counts as down for good.  redactor: of further keys than the servers' own.
    Raises `UsageError` when a server cannot be started
    from here.
    """

    def __init__(
        self,
        servers: Sequence[McpServer],
        *,
        resolve: Mapping[str, str],
        max_bytes: int,
        timeout_s: float,
        per_host_rps: float,
        proxies: Proxies | None = None,
        logs: Path | None = None,
        starts: int = 3,
        redactor: Redactor = NO_SECRETS,
    ) -> None:
        check_servers(servers)
        self._timeout_s = timeout_s
        self._limiter = RateLimiter(per_host_rps)
        self._supervised = {
            server.name: Supervised(
                server,
                resolve=resolve,
                proxies=proxies,
                max_message_bytes=max(LEAST_MESSAGE_BYTES, 4 * max_bytes),
                timeout_s=timeout_s,
                log=None if logs is None else logs / f"mcp-{server.name}.log",
                starts=starts,
                redactor=redactor,
            )
            for server in servers
        }

    async def __aenter__(self) -> McpSessions:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stops every server; may be called more than once."""
        await asyncio.gather(*(supervised.close() for supervised in self._supervised.values()))

    def server(self, name: str) -> McpServer | None:
        supervised = self._supervised.get(name)
        return None if supervised is None else supervised.server

    def redactor(self, name: str) -> Redactor:
        """Takes out the secrets that the server was given."""
        return self._supervised[name].redactor

    async def call(
        self, name: str, tool: str, arguments: Mapping[str, Any], *, if_read_only: bool = False
    ) -> McpAnswer:
        """Calls a tool once, within `timeout_s`; with `if_read_only` only if the server declares it so.

        Raises `DeadlinePassed`, `ConnectionFailed`, and what `tasks.transport.mcp.failures` names.
        """
        await self._limiter.wait(name)
        supervised = self._supervised[name]
        async with supervised.in_flight, supervised.using() as session:
            if if_read_only and not session.declares_read_only(tool):
                raise NotDeclared(f"{name} does not declare {tool} read-only")
            started = time.perf_counter()
            result = await session.call(tool, arguments, self._timeout_s)
            return McpAnswer(result, (time.perf_counter() - started) * 1000)

    async def listing(self, name: str) -> McpListing:
        """What a server offers.  Raises `StartFailed`."""
        async with self._supervised[name].using() as session:
            redact = self._supervised[name].redactor.redact_json
            return McpListing(tuple(redact(session.tools)), redact(session.introduction()))
