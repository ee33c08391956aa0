"""One writer a folder; a dead one holds nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from socket import gethostname

import pytest

from tasks.errors import UsageError
from warehouse.lock import folder_lock, require_free

HOLDER = """
import sys, time
from pathlib import Path
from warehouse.lock import folder_lock

with folder_lock(Path(sys.argv[1]), "toolloom refresh", "a-flow-run"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of `tmp_path`."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_process_is_named_and_let_go_of_by_kill_9(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(UsageError) as error, folder_lock(tmp_path, "toolloom probe"):
        pass
    who = rf"pid {holder.pid} on {re.escape(gethostname())}, since 20\d\d-\S+: toolloom refresh"
    where = re.escape(str(tmp_path))
    assert re.fullmatch(rf"another run \({who}\) works on {where}", error.value.message)
    assert error.value.fix is not None
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with folder_lock(tmp_path, "toolloom probe") as dead:
        assert dead is not None
        assert (dead.pid, dead.command, dead.job) == (holder.pid, "toolloom refresh", "a-flow-run")


def test_a_dead_run_is_remembered_until_another_run_could_tell_of_it(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    found = []
    for job in (None, "another-flow-run", "yet-another"):
        with folder_lock(tmp_path, "toolloom import", job) as dead:
            found.append(dead and dead.job)
    assert found == ["a-flow-run", "a-flow-run", None]


def test_a_dead_run_is_remembered_though_who_came_next_died_as_well(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    dies = HOLDER.replace('"toolloom refresh", "a-flow-run"', '"toolloom import"').replace(
        "time.sleep(60)", "os._exit(1)"
    )
    subprocess.run(
        [sys.executable, "-c", f"import os\n{dies}", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        check=False,
    )
    with folder_lock(tmp_path, "toolloom probe", "another-flow-run") as dead:
        assert dead is not None
        assert (dead.command, dead.job) == ("toolloom import", "a-flow-run")


def test_a_holder_that_ended_leaves_no_trace(tmp_path: Path) -> None:
    with folder_lock(tmp_path, "first"):
        pass

    with folder_lock(tmp_path, "second") as dead:
        assert dead is None


def test_a_check_takes_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(UsageError, match="another run"):
        require_free(tmp_path)
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    found = [require_free(tmp_path), require_free(tmp_path)]

    assert [dead and dead.pid for dead in found] == [holder.pid, holder.pid]


def test_a_run_of_another_machine_is_believed_until_somebody_looks(tmp_path: Path) -> None:
    """The kernel's lock is free: that machine's file system keeps it to itself."""
    entry = {"host": "elsewhere", "pid": 7, "since": "2026-11-25T03:00:00+00:00", "command": "refresh mine"}
    (tmp_path / ".lock").write_text(json.dumps(entry))

    with pytest.raises(UsageError) as error, folder_lock(tmp_path, "here"):
        pass

    who = "pid 7 on elsewhere, since 2026-11-25T03:00:00+00:00: refresh mine"
    assert error.value.message == f"a run on another machine ({who}) works on {tmp_path}, or died there"
    assert error.value.fix == (
        f"wait until it ends; when no such process is left on elsewhere, remove {tmp_path / '.lock'}"
    )
    assert json.loads((tmp_path / ".lock").read_text()) == entry


def test_one_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    def lock_again() -> None:
        with folder_lock(tmp_path, "second"):
            pass

    with folder_lock(tmp_path, "first"):
        for _ in range(2):
            with pytest.raises(
                UsageError, match=rf"another run \(pid {os.getpid()} on \S+, since \S+: first\)"
            ):
                lock_again()


def test_an_error_lets_go_of_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder_lock(tmp_path, "first"):
        raise ZeroDivisionError
    with folder_lock(tmp_path, "second"):
        pass


def test_a_folder_is_made(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "new" / "data", "first"):
        assert [path.name for path in (tmp_path / "new" / "data").iterdir()] == [".lock"]


def test_a_lock_file_of_another_hand_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("not of ours")
    with folder_lock(tmp_path, "first"):
        pass


def test_a_folder_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UsageError) as error, folder_lock(tmp_path / "data", "first"):
        pass
    assert error.value.message == f"cannot write into {tmp_path / 'data'} (File exists)"
    assert error.value.fix is not None
