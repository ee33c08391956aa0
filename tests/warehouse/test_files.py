"""Files appear whole or not at all, also when the writer is killed or the disk is full."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from tasks.errors import StopRun, ToolloomError, UsageError
from warehouse.files import digest_of, put, refuse_foreign, remove_leftovers, writing
from warehouse.manifest import list_runs
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.tables import TOOLS

REPOSITORY = Path(__file__).parents[2]

# A process that writes table files and commits each, and says so; with `hang` it stops for good when the
# bytes of its second file are in the temporary one, neither flushed nor renamed.
WRITER = """
import importlib.util, os, sys, time
from pathlib import Path

spec = importlib.util.spec_from_file_location("snapshots", sys.argv[2])
build = importlib.util.module_from_spec(spec)
sys.modules["snapshots"] = build
spec.loader.exec_module(build)
from warehouse import manifest
from warehouse.store import Store
from warehouse.tables import TOOLS

def hang(descriptor):
    print("hanging", flush=True)
    time.sleep(60)

root = Path(sys.argv[1])
for number in range(1000):
    rows = [build.tool(tool_id=f"{number}/{row}", description=os.urandom(200).hex()) for row in range(400)]
    ref = Store(root).write_shard(TOOLS, rows)
    manifest.commit(root, build.manifest(f"run-{number}", tables={"tools": (ref,)}))
    print(ref.model_dump_json(), flush=True)
    if sys.argv[3] == "hang":
        os.fsync = hang
"""


def _start_writer(root: Path, mode: str) -> subprocess.Popen[str]:
    snapshots = Path(__file__).with_name("snapshots.py")
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), str(snapshots), mode],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests/support")},
        stdout=subprocess.PIPE,
        text=True,
    )


def _kill(writer: subprocess.Popen[str]) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert writer.stdout is not None
    writer.stdout.close()


def _line(writer: subprocess.Popen[str]) -> str:
    assert writer.stdout is not None
    return writer.stdout.readline().strip()


def test_a_writer_killed_before_the_rename_leaves_no_file(tmp_path: Path) -> None:
    writer = _start_writer(tmp_path, "hang")
    first = TableRef(**json.loads(_line(writer)))
    assert _line(writer) == "hanging"
    _kill(writer)
    folder = tmp_path / "shards" / "tools"
    (half,) = folder.glob(".*")
    assert half.stat().st_size > 0
    assert [path for path in folder.iterdir() if path != half] == [tmp_path / first.path]
    assert Store(tmp_path).verify(first)
    assert [run.run_id for run in list_runs(tmp_path)] == ["run-0"]
    assert remove_leftovers(tmp_path) == (half,)


def test_whatever_a_killed_writer_left_is_whole(tmp_path: Path) -> None:
    writer = _start_writer(tmp_path, "run")
    first = TableRef(**json.loads(_line(writer)))
    time.sleep(0.05)
    _kill(writer)
    store = Store(tmp_path)
    names = sorted((tmp_path / "shards" / "tools").glob("[!.]*"))
    assert [digest_of(path.read_bytes()) for path in names] == [path.stem for path in names]
    runs = list_runs(tmp_path)
    assert "run-0" in {run.run_id for run in runs}
    assert store.verify(first)
    assert len(names) - len(runs) in {0, 1}


def test_put_replaces_a_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    put(tmp_path / "new" / "a.json", b"old")
    put(tmp_path / "new" / "a.json", b"new")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "new").iterdir()] == [("a.json", b"new")]


def test_a_disk_quota_stops_the_run_and_leaves_no_half_file(tmp_path: Path, build: ModuleType) -> None:
    """The kernel refuses to let a file grow, as a full disk does."""
    rows = [build.tool(tool_id=f"Weather/{n}", description=os.urandom(500).hex()) for n in range(100)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StopRun) as error:
            Store(tmp_path).write_shard(TOOLS, rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    folder = tmp_path / "shards" / "tools"
    assert error.value.message == f"no space left to write into {folder} (File too large)"
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_a_file_is_a_wrong_setting(tmp_path: Path, build: ModuleType) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UsageError) as error:
        Store(tmp_path / "data").write_shard(TOOLS, [build.tool()])
    folder = tmp_path / "data" / "shards" / "tools"
    assert error.value.message == f"cannot write into {folder} (Not a directory)"


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.ENOSPC, StopRun, "no space left to write into /data (No space left on device)"),
        (errno.EDQUOT, StopRun, "no space left to write into /data (Disk quota exceeded)"),
        (errno.EACCES, UsageError, "cannot write into /data (Permission denied)"),
        (errno.EROFS, UsageError, "cannot write into /data (Read-only file system)"),
        (errno.EIO, StopRun, "writing into /data failed (Input/output error)"),
    ],
)
def test_what_a_failed_write_means(number: int, kind: type[ToolloomError], message: str) -> None:
    with pytest.raises(ToolloomError) as error, writing(Path("/data")):
        raise OSError(number, os.strerror(number))
    assert (type(error.value), error.value.message, bool(error.value.fix)) == (kind, message, True)


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path, build: ModuleType) -> None:
    store = Store(tmp_path)
    ref = store.write_shard(TOOLS, [build.tool()])
    leftovers = [
        tmp_path / ".toolloom.duckdb.1f.tmp",
        tmp_path / ".toolloom.duckdb.1f.tmp.wal",
        tmp_path / "runs" / ".run-1.json.1f.tmp",
        tmp_path / "reports" / ".run-1.html.1f.tmp",
        tmp_path / "shards" / "tools" / ".a.parquet.1f.tmp",
    ]
    for path in leftovers:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    assert remove_leftovers(tmp_path) == tuple(sorted(leftovers))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / ref.path]


def test_a_folder_of_other_files_is_no_data_folder(tmp_path: Path) -> None:
    refuse_foreign(tmp_path)
    (tmp_path / "thesis.txt").write_text("")

    with pytest.raises(UsageError) as refused:
        refuse_foreign(tmp_path)
    (tmp_path / "store").mkdir()
    refuse_foreign(tmp_path)

    assert (
        refused.value.message
        == f"{tmp_path} holds files that are not Toolloom's (thesis.txt), and no data set"
    )
