"""What the tests of MCP share: the misbehaving server, and sessions with it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mcp_script

from tasks.transport.mcp.server import McpServer
from tasks.transport.mcp.sessions import McpSessions

SCRIPT = mcp_script.__file__


def script(*options: str | Path, **fields: Any) -> McpServer:
    """The server of mcp_script.py with these options."""
    command = (sys.executable, SCRIPT, *map(str, options))
    return McpServer(**{"name": "script", "command": command, **fields})


def sessions_with(
    servers: Sequence[McpServer] | McpServer,
    *,
    resolve: Mapping[str, str] | None = None,
    timeout_s: float = 30,
    max_bytes: int = 100_000,
    logs: Path | None = None,
    starts: int = 3,
) -> McpSessions:
    return McpSessions(
        [servers] if isinstance(servers, McpServer) else servers,
        resolve=resolve or {},
        max_bytes=max_bytes,
        timeout_s=timeout_s,
        per_host_rps=1000,
        logs=logs,
        starts=starts,
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_within(pids: Sequence[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def children_of(pid: int) -> list[int]:
    """Every process below `pid`, of any depth."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().split(")")[-1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {pid, os.getpid()})
