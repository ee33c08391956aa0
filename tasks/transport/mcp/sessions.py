"""The sessions of a run: one per server, opened when first needed, shared, opened anew when it has died."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tasks.transport.guard import NO_SECRETS, Redactor
from tasks.transport.mcp.failures import NotDeclared
from tasks.transport.mcp.server import McpServer, check_servers
from tasks.transport.mcp.supervised import Supervised
from tasks.transport.pace import Pace
from tasks.transport.proxies import Proxies

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
        self._pace = Pace(per_host_rps)
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
        await self._pace.wait(name)
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
