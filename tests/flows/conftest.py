"""What the tests of a refresh share: a command that starts fast, a sandbox, and a run nobody disturbed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import SMALL, Sandbox, serve_steady_sandbox
from once import folder_of_session, made_once
from snapshots import Snapshot, snapshot_of
from warm import WarmToolloom


@pytest.fixture(scope="session")
def toolloom(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmToolloom]:
    """`toolloom` against the session's Prefect server."""
    with WarmToolloom(tmp_path_factory.mktemp("toolloom"), {"PREFECT_API_URL": prefect_api}) as warm:
        yield warm


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Without faults of the endpoint: a test that counts requests must know why each was made."""
    with serve_steady_sandbox(tmp_path_factory.mktemp("sandbox")) as served:
        yield served


@pytest.fixture(scope="session")
def uninterrupted(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Snapshot:
    """What a small refresh comes to when nothing disturbs it; one for all, so its folder is only read."""

    def make() -> str:
        data = folder_of_session(tmp_path_factory) / "uninterrupted" / "data"
        done = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", data)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        return str(data)

    return snapshot_of(Path(made_once(folder_of_session(tmp_path_factory) / "uninterrupted-data", make)))


@pytest.fixture(scope="session")
def searched_twice(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    uninterrupted: Snapshot,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of that run once its instructions were searched by a second method, too; only read."""

    def make() -> str:
        data = folder_of_session(tmp_path_factory) / "searched-twice" / "data"
        shutil.copytree(uninterrupted.data, data)
        done = toolloom("annotate", "--method", "react", *SMALL, *sandbox.settings(), "--data", data)
        assert done.returncode == 0, done.stdout + done.stderr
        return str(data)

    return Path(made_once(folder_of_session(tmp_path_factory) / "searched-twice-data", make))


@pytest.fixture(scope="session")
def judged(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    searched_twice: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """That folder once all answers were judged, and compared with the second method's; only read.

    Beside it, in `printed`, is what the command said.
    """

    def make() -> str:
        data = folder_of_session(tmp_path_factory) / "judged" / "data"
        shutil.copytree(searched_twice, data)
        done = toolloom("evaluate", "--against", "react", *SMALL, *sandbox.settings(), "--data", data)
        assert done.returncode == 0, done.stdout + done.stderr
        (data.parent / "printed").write_text(done.stdout)
        return str(data)

    return Path(made_once(folder_of_session(tmp_path_factory) / "judged-data", make))
