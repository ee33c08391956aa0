"""What the tests of whole commands share: a Prefect server and a sandbox for the session."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from commands import Command, Sandbox, command_with, serve_sandbox
from once import folder_of_session, made_once, take_part

# Prefect reads these when it is imported, and must not see the settings of the person who runs the tests.
for _name in [name for name in os.environ if name.startswith("PREFECT_")]:
    del os.environ[_name]
# Tables are as wide as in a pipe, whatever terminal the tests are run in.
os.environ["COLUMNS"] = "200"

# Everything that is committed is synced to the disk, file by file, and tests wait for nothing else as long.
_MEMORY, _ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108 - a folder of its own in it, as in /tmp
if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

# A shell without job control has what it starts in the background ignore Ctrl-C, and so all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that run whole commands come first: none that takes minutes may begin when all else is done."""
    commands = {"toolloom", "prefect_api"}
    long = {item.path for item in items if commands & set(getattr(item, "fixturenames", ()))}
    long |= {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Without faults of the endpoint: a test that counts requests must know why each was made."""
    with serve_sandbox(tmp_path_factory.mktemp("sandbox"), "--fault-rate", "0") as served:
        yield served


@pytest.fixture(scope="session", autouse=True)
def stopped_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Callable[[Callable[[], None]], None]:
    """Has what this process serves to all of the session stopped after the last test of all."""
    return take_part(folder_of_session(tmp_path_factory), pytestconfig)


@pytest.fixture(scope="session")
def prefect_api(
    tmp_path_factory: pytest.TempPathFactory, stopped_in_the_end: Callable[[Callable[[], None]], None]
) -> str:
    """The API address of a Prefect server, one for all processes of the session."""
    from flows.prefect.server import OwnServer

    shared = folder_of_session(tmp_path_factory)

    def start() -> str:
        server = OwnServer(shared / "prefect-server")
        stopped_in_the_end(server.child.stop)
        server.wait()
        return f"{server.url}/api"

    return made_once(shared / "prefect-api", start)


@pytest.fixture(scope="session")
def toolloom(prefect_api: str) -> Command:
    """`toolloom` against the session's Prefect server."""
    return command_with(prefect_api)


@pytest.fixture(scope="session")
def build() -> ModuleType:
    """`tests/warehouse/snapshots.py`: a function for each kind of row, and snapshots made of rows.

    It lies beside the tests, where importlib mode puts nothing on the path.
    """
    name = "warehouse_snapshots"
    path = Path(__file__).parent / "warehouse" / "snapshots.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
