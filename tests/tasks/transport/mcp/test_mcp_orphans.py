"""No server outlives us, however we end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mcp_running import alive, children_of, gone_within

SUPPORT = Path(__file__).parents[3] / "support"
DRIVER = """
import sys, time
from mcp_running import script, sessions_with
from tasks.transport.runtime import Runtime

with Runtime() as runtime:
    sessions = runtime.enter(sessions_with(script(*sys.argv[1:]), timeout_s=60))
    runtime.run(sessions.call("script", "echo", {}))
    print("running", flush=True)
    runtime.run(sessions.call("script", "never", {}))
"""


@contextmanager
def driver(*options: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A process that waits for a call at its server."""
    program = f"import sys; sys.path.insert(0, {str(SUPPORT)!r})\n{DRIVER}"
    with subprocess.Popen(
        [sys.executable, "-c", program, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("number", "stubborn"),
    [(signal.SIGKILL, False), (signal.SIGKILL, True), (signal.SIGTERM, False), (signal.SIGINT, True)],
)
def test_a_server_goes_when_we_go(number: signal.Signals, *, stubborn: bool, tmp_path: Path) -> None:
    options: list[str | Path] = ["--stubborn", tmp_path / "pids"] if stubborn else []
    with driver(*options) as process:
        below = children_of(process.pid)
        assert len(below) == (3 if stubborn else 2)  # the guardian, the server, and its child

        process.send_signal(number)

        assert gone_within([process.pid, *below], 30)


def test_a_server_goes_when_its_guardian_is_killed() -> None:
    with driver() as process:
        guardian, server = children_of(process.pid)
        assert alive(server)

        subprocess.run(["kill", "-9", str(guardian)], check=True)

        assert gone_within([guardian, server], 30)
