"""What the processes of a session of tests make once and share: pytest-xdist gives each its own fixtures."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def folder_of_session(factory: pytest.TempPathFactory) -> Path:
    """The one that all processes of the session see."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(path: Path, make: Callable[[], str]) -> str:
    """What `make` says of what it made; whoever asks first makes it, and the others wait."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            path.write_text(make())
        return path.read_text()


def take_part(folder: Path, config: pytest.Config) -> Callable[[Callable[[], None]], None]:
    """Says that this process may use what the others serve, until all its tests have run.

    Returns what has something stopped that this process serves, once no process is left to use it.  No test
    waits for that: a process has its last one long before another may have its own.
    """
    file = (folder / "taking-part").open("w")
    fcntl.flock(file, fcntl.LOCK_SH)
    config.add_cleanup(file.close)

    def stopped_in_the_end(stop: Callable[[], None]) -> None:
        def wait_and_stop() -> None:
            fcntl.flock(file, fcntl.LOCK_EX)
            stop()

        config.add_cleanup(wait_and_stop)

    return stopped_in_the_end
