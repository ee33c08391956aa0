"""What all who read sources in this process share: how fast each hub is asked, what was read already, and
the MCP servers of the run.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tasks.transport.kvstore import Scratch
from tasks.transport.mcp.sessions import McpListing, McpSessions
from tasks.transport.redactor import NO_SECRETS, Redactor
from tasks.transport.runtime import Runtime


class Pages:
    """Pages by request, for threads; see `Scratch`."""

    def __init__(self, kept: Scratch, runtime: Runtime) -> None:
        self._kept = kept
        self._runtime = runtime

    def get(self, method: str, url: str, body: Any) -> Any | None:
        """The page, as it was put; None when there is none."""
        return self._runtime.run(self._kept.get([method, url, body]))

    def put(self, method: str, url: str, body: Any, page: Any) -> None:
        """Keeps a page, a JSON value; returns once it is committed."""
        self._runtime.run(self._kept.put([method, url, body], page))


class HostLimiter:
    """Lets in `at_once` requests at a time and `per_second` a second; a context manager, thread-safe."""

    def __init__(self, *, at_once: int, per_second: float) -> None:
        self._slots = threading.BoundedSemaphore(at_once)
        self._interval_s = 1 / per_second
        self._due = 0.0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._slots.acquire()
        # Asked again after each wait: another request may have been told to pause meanwhile.
        while (wait_s := self._wait_s()) > 0:
            time.sleep(wait_s)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()

    def pause(self, seconds: float) -> None:
        """Nobody is let in for so long: the source asked one of us to wait, and meant us all."""
        with self._lock:
            self._due = max(self._due, time.monotonic() + seconds)

    def _wait_s(self) -> float:
        """0, and the next moment is taken; else how long it is until there is one."""
        with self._lock:
            now = time.monotonic()
            if self._due > now:
                return self._due - now
            self._due = now + self._interval_s
            return 0.0


class Reading:
    """One crawl in this process; thread-safe.

    folder: of the data set's stores.  crawl: what names the crawl, so that a later one reads anew.  mcp: the
    sessions in `runtime` that the run's calls will use, too.  redactor: takes the configured keys out of all
    that is read.
    """

    def __init__(
        self,
        folder: Path,
        crawl: str,
        runtime: Runtime,
        *,
        mcp: McpSessions | None = None,
        redactor: Redactor = NO_SECRETS,
    ) -> None:
        self.redactor = redactor
        self._mcp = mcp
        self._runtime = runtime
        self._limiters: dict[str, HostLimiter] = {}
        self._kept = Scratch(folder, "pages", crawl)
        self.pages = Pages(self._kept, runtime)
        self._lock = threading.Lock()

    def limiter(self, location: str, *, at_once: int, per_second: float) -> HostLimiter:
        """The limiter of a source; who comes first says how much it lets in."""
        with self._lock:
            return self._limiters.setdefault(location, HostLimiter(at_once=at_once, per_second=per_second))

    def mcp_listing(self, name: str) -> McpListing:
        """What an MCP server offers; it is started if it does not run.  Raises `StartFailed`."""
        assert self._mcp is not None, "reading MCP servers takes sessions with them"
        return self._runtime.run(self._mcp.listing(name))

    def finish(self) -> None:
        """Throws the pages away: what was made of them is in the stage's files."""
        self._kept.discard()

    def close(self) -> None:
        self._kept.close()
