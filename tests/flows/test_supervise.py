from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.prefect.supervise import PYTHON, Child

SLEEPER = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_leaving_the_block_stops_the_child() -> None:
    with Child([sys.executable, "-c", SLEEPER], read_stdout=True) as child:
        pid = int(child.read_line(10) or "0")
        assert alive(pid)

    assert not alive(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_does_not_outlive_a_parent_that_is_killed(number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from flows.prefect.supervise import Child\n"
            f"child = Child([sys.executable, '-c', {SLEEPER!r}], read_stdout=True)\n"
            "print(child.read_line(10), flush=True)\n"
            "time.sleep(60)\n",
        ],
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(number)

    assert gone_within(pid, 10)


def test_a_child_imports_nothing_from_the_folder_one_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("flows.py", "sandbox.py", "json.py", "subprocess.py"):
        (tmp_path / module).write_text("from pathlib import Path\nPath('seen').touch()\n")
    monkeypatch.chdir(tmp_path)

    with Child([*PYTHON, "sandbox.serve", "--help"], read_stdout=True) as child:
        assert (child.read_line(30) or "").startswith("usage")

    assert not Path("seen").exists()


def test_a_child_that_dies_is_noticed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Child([sys.executable, "-c", "raise SystemExit('no such port')"], log=log) as child:
        child.process.wait(10)

        assert not child.running
    assert "no such port" in log.read_text()


def test_a_silent_child_gives_no_line() -> None:
    with Child([sys.executable, "-c", "pass"], read_stdout=True) as child:
        assert child.read_line(10) is None
