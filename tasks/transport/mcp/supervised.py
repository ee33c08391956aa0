"""One server of a run: its session, how it is started, and started again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.transport.guard import NO_SECRETS, Redactor
from tasks.transport.mcp.failures import StartFailed
from tasks.transport.mcp.remarks import Remarks
from tasks.transport.mcp.server import McpServer, redactor_of
from tasks.transport.proxies import Proxies
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
        from tasks.transport.mcp.connect import new_session  # noqa: PLC0415 - only who has servers needs the SDK

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
