"""What all who read sources in this process share: how fast each hub is asked, what was read already, and
the MCP servers of the run.
"""

from __future__ import annotations

import threading
from pathlib import Path

from tasks.catalogue.gate import Gate
from tasks.catalogue.pages import Pages
from tasks.transport.kvstore import Scratch
from tasks.transport.mcp.sessions import McpListing, McpSessions
from tasks.transport.redactor import NO_SECRETS, Redactor
from tasks.transport.runtime import Runtime


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
        self._gates: dict[str, Gate] = {}
        self._kept = Scratch(folder, "pages", crawl)
        self.pages = Pages(self._kept, runtime)
        self._lock = threading.Lock()

    def gate(self, location: str, *, at_once: int, per_second: float) -> Gate:
        """The gate of a source; who comes first says how wide it is."""
        with self._lock:
            return self._gates.setdefault(location, Gate(at_once=at_once, per_second=per_second))

    def mcp_listing(self, name: str) -> McpListing:
        """What an MCP server offers; it is started if it does not run.  Raises `StartFailed`."""
        assert self._mcp is not None, "reading MCP servers takes sessions with them"
        return self._runtime.run(self._mcp.listing(name))

    def finish(self) -> None:
        """Throws the pages away: what was made of them is in the stage's files."""
        self._kept.discard()

    def close(self) -> None:
        self._kept.close()
