"""A file system that is full at any moment of a commit: it is said, and nothing is half there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tasks.errors import StopRun
from warehouse import manifest
from warehouse.connect import build_database, open_database

BLOCK = 4096
LEVELS = [blocks * BLOCK for blocks in (0, 1, 2, 3, 5, 8, 20, 55)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def commit(data: Path, build: ModuleType, run_id: str, about: str) -> None:
    committed = build.snapshot(data, *build.small_world(), build.tool(tool_id=about), run_id=run_id)
    manifest.commit(data, committed)
    build_database(data, committed)


def test_a_commit_meets_a_full_disk_at_any_moment(small_disk: Path, build: ModuleType) -> None:
    data, filler = small_disk / "data", small_disk / "filler"
    commit(data, build, "run-1", "Weather/first")
    stopped_with = set()

    for level in LEVELS:
        with filler.open("wb", buffering=0) as file:
            file.write(b"\0" * max(0, shutil.disk_usage(small_disk).free - level))
        with pytest.raises(StopRun) as stopped:
            commit(data, build, "run-2", f"Weather/at_{level}")
        filler.unlink()

        assert stopped.value.message.startswith(f"no space left to write into {data}"), level
        assert stopped.value.message.endswith("(No space left on device)"), level
        runs = [run.run_id for run in manifest.list_runs(data)]
        with open_database(data) as connection:  # of the last whole run, whichever that is
            assert connection.execute("SELECT run_id FROM snapshot").fetchall() == [(runs[-1],)]
        assert list(data.rglob(".*.tmp*")) == []
        stopped_with.add((len(runs), stopped.value.message.partition(str(data))[2]))
        manifest.path_of(data, "run-2").unlink(missing_ok=True)

    # Before there is a run, and while the views of one that is there are made.
    assert {n_runs for n_runs, _ in stopped_with} == {1, 2}
    assert len(stopped_with) > 3
    commit(data, build, "run-2", "Weather/second")
    assert len(manifest.list_runs(data)) == 2
