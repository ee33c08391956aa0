"""Running the real commands and servers in tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from flows.prefect.supervise import Child

Command = Callable[..., "subprocess.CompletedProcess[str]"]

# A world of the usual breadth, and as few requests as show everything that happens in it.
SMALL = [
    *("--set", "sample.draws_per_tool=0.2"),
    *("--set", "sample.draws_per_tool_in_category=0.2"),
    *("--set", "sample.draws_per_tool_in_collection=0.2"),
    *("--set", "instruct.per_sample=5"),
    *("--set", "instruct.accepted=24"),
    *("--set", "compress.max_tokens=256"),  # some documents are longer even with short lists
]


@dataclass(frozen=True)
class Sandbox:
    """A hub and a teacher that run on their own."""

    hub: str
    teacher: str
    process_group: int

    @property
    def stats(self) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(self.teacher.removesuffix("/v1") + "/stats", timeout=10).json()
        return answer

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        os.killpg(self.process_group, signal.SIGKILL)

    def settings(self) -> list[str]:
        """`--set` arguments that point the sandbox profile at these servers."""
        values = {
            "sandbox.serve": "false",
            "llm.base_url": self.teacher,
            "llm.endpoint_id": "http://teacher.sandbox.test/v1",  # as any other sandbox's
            "calling.resolve": f'{{"*.sandbox.test" = "{self.hub}"}}',
        }
        return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def at_endpoint(url: str) -> list[str]:
    """`--set` arguments, after those of a sandbox, for another endpoint than its own."""
    return ["--set", f"llm.base_url={url}", "--set", f"llm.endpoint_id={url}"]


def serve_sandbox(folder: Path, *arguments: str) -> AbstractContextManager[Sandbox]:
    """A hub and a teacher on free ports."""
    ports = ["--hub-port", "0", "--teacher-port", "0"]
    return _serve(folder, ["-m", "sandbox.serve", *ports, *arguments])


def serve_steady_sandbox(folder: Path, *arguments: str) -> AbstractContextManager[Sandbox]:
    """A hub and a teacher on free ports, without faults of the endpoint."""
    return _serve(folder, [str(Path(__file__).with_name("steady_sandbox.py")), *arguments])


@contextmanager
def _serve(folder: Path, arguments: Sequence[str]) -> Iterator[Sandbox]:
    with Child([sys.executable, *arguments], log=folder / "sandbox.log", read_stdout=True) as child:
        line = child.read_line(60)
        assert line is not None, (folder / "sandbox.log").read_text()
        yield Sandbox(**json.loads(line), process_group=child.process.pid)


def command_with(prefect_api: str) -> Command:
    """`toolloom` as a process of its own, against a Prefect server."""

    def run(*arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flows", *map(str, arguments)],
            env={**os.environ, "PREFECT_API_URL": prefect_api, **(env or {})},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


def refused(done: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Exit code and message; a traceback would be a failure of its own."""
    assert "Traceback" not in done.stdout + done.stderr
    assert "fix:" in done.stderr
    return done.returncode, done.stderr
