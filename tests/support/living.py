"""Which processes live, from /proc."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process.  started: in clock ticks since boot, so that a pid used again is told apart."""

    pid: int
    started: int
    command: str

    @property
    def lives(self) -> bool:
        return (status := _status(self.pid)) is not None and status.started == self.started


@dataclass(frozen=True)
class _Status:
    parent: int
    started: int


def _status(pid: int) -> _Status | None:
    """None when there is no such process, or only its exit code is left of it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else _Status(parent=int(fields[1]), started=int(fields[19]))


def descendants_of(pid: int) -> list[Process]:
    """Children, their children, and so on."""
    living = {int(path.name): _status(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    found = [pid]
    for parent in found:
        found += [child for child, status in living.items() if status and status.parent == parent]
    return [
        Process(child, status.started, _command(child)) for child in found[1:] if (status := living[child])
    ]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except FileNotFoundError:
        return ""


def gone_within(processes: Sequence[Process], seconds: float) -> list[Process]:
    """Waits for all to end; those that have not."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if process.lives]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
