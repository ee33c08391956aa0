"""What the tests of whole commands share: a Prefect server and a sandbox for the session."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from commands import Command, Sandbox, serve_sandbox

# Prefect reads these when it is imported, and must not see the settings of the person who runs the tests.
for _name in [name for name in os.environ if name.startswith("PREFECT_")]:
    del os.environ[_name]


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
