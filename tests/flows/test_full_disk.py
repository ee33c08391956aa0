"""A file system that is full in the middle of a run: nothing half-committed, and the next run goes on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import SMALL, Sandbox
from refusals import refusal
from snapshots import Snapshot, rows, snapshot_of
from warm import WarmToolloom

from warehouse import manifest

pytestmark = pytest.mark.slow

SIZE = "48m"
# Room for opening nothing, for what a stage writes at first, and for all but the views of what is committed.
NONE, SOME, ALMOST_ALL = 60_000, 200_000, 900_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, *, leaving: int) -> Path:
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    with filler.open("wb") as file:
        file.write(b"\0" * max(0, free - leaving))
    return filler


def told_of_a_full_disk(done: subprocess.CompletedProcess[str]) -> bool:
    """In two lines, without what libraries say of it."""
    said = done.stderr.splitlines()
    return done.returncode == 1 and len(said) == 2 and "no space left to write into" in said[0]


def test_a_full_disk_stops_the_run_and_the_next_goes_on(
    toolloom: WarmToolloom, sandbox: Sandbox, small_disk: Path, uninterrupted: Snapshot
) -> None:
    data = small_disk / "data"
    command = ["refresh", *SMALL, *sandbox.settings(), "--data", str(data)]
    assert toolloom(*command, "--until", "compress").returncode == 0
    committed = [run.run_id for run in manifest.list_runs(data)]

    for left in (NONE, SOME):
        filler = fill(small_disk, leaving=left)
        stopped = toolloom(*command)
        filler.unlink()

        assert refusal(stopped).code == 1
        assert "no space left" in refusal(stopped).message
        assert [run.run_id for run in manifest.list_runs(data)] == committed
    filler = fill(small_disk, leaving=ALMOST_ALL)
    assert told_of_a_full_disk(toolloom(*command))
    assert rows(data, "SELECT count(*) AS n FROM documents")[0]["n"] > 0
    filler.unlink()
    done = toolloom(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert snapshot_of(data).content == uninterrupted.content
