"""What the tests of whole commands share: a Prefect server and a sandbox for the session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

# Prefect reads these when it is imported, and must not see the settings of the person who runs the tests.
for _name in [name for name in os.environ if name.startswith("PREFECT_")]:
    del os.environ[_name]

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Sandbox:
    """A hub and a teacher that run on their own."""

    hub: str
    teacher: str

    @property
    def stats(self) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(self.teacher.removesuffix("/v1") + "/stats", timeout=10).json()
        return answer

    def settings(self) -> list[str]:
        """`--set` arguments that point the sandbox profile at these servers."""
        values = {
            "sandbox.serve": "false",
            "llm.base_url": self.teacher,
            "calling.resolve": f'{{"*.sandbox.test" = "{self.hub}"}}',
        }
        return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Without faults of the endpoint: a test that counts requests must know why each was made."""
    with serve_sandbox(tmp_path_factory.mktemp("sandbox"), "--fault-rate", "0") as served:
        yield served


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API address of a Prefect server."""
    from flows.prefect_server import OwnServer

    server = OwnServer(tmp_path_factory.mktemp("prefect-server"))
    try:
        server.wait()
        yield f"{server.url}/api"
    finally:
        server.child.stop()


@pytest.fixture(scope="session")
def toolloom(prefect_api: str) -> Command:
    """Runs `toolloom` as a process of its own, against the session's Prefect server."""

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


class serve_sandbox:  # noqa: N801 - reads as the function it is used as
    """A context manager around a sandbox process."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        from flows.supervise import Child

        ports = ["--hub-port", "0", "--teacher-port", "0"]
        self.child = Child(
            [sys.executable, "-m", "sandbox.serve", *ports, *arguments],
            log=folder / "sandbox.log",
            read_stdout=True,
        )

    def __enter__(self) -> Sandbox:
        line = self.child.read_line(60)
        assert line is not None
        return Sandbox(**json.loads(line))

    def __exit__(self, *_: object) -> None:
        self.child.stop()
