"""Ctrl-C and SIGTERM: an end at once, nothing left running, and the next run goes on from there."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import SMALL, Sandbox
from living import Process, descendants_of, gone_within
from snapshots import Snapshot, snapshot_of, stored_replies
from warm import WarmToolloom

pytestmark = pytest.mark.slow

SIGNALS = [signal.SIGINT, signal.SIGTERM]
# A request a second: the signal meets a run that would take minutes, with most requests waiting their turn.
SLOWLY = ["--set", "llm.requests_per_minute=60"]
AT_ONCE_S = 20
SOON_S = 5


@dataclass(frozen=True)
class Ended:
    """A run after a signal.  started: all it had started; left: what of that still lives."""

    code: int
    errors: str
    seconds: float
    started: list[Process]
    left: list[Process]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("interrupted") / "data"


@pytest.fixture(scope="module")
def ended(data: Path) -> dict[signal.Signals, Ended]:
    """Two runs of one folder, each with all it needs of its own: the second goes on from the first."""
    return {number: interrupted(number, data) for number in SIGNALS}


def interrupted(number: signal.Signals, data: Path) -> Ended:
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "refresh", *SMALL, *SLOWLY, "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        _wait_for_replies(3, process, data)
        started = descendants_of(process.pid)
        process.send_signal(number)
        signalled = time.monotonic()
        _, errors = process.communicate(timeout=60)
        seconds = time.monotonic() - signalled
    return Ended(process.returncode, errors, seconds, started, gone_within(started, SOON_S))


def _wait_for_replies(more: int, process: subprocess.Popen[str], data: Path) -> None:
    wanted = stored_replies(data) + more
    deadline = time.monotonic() + 120
    while stored_replies(data) < wanted:
        assert process.poll() is None, "the run ended before it could be interrupted"
        assert time.monotonic() < deadline, f"two minutes have not led to {more} replies"
        time.sleep(0.05)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_run_at_once(ended: dict[signal.Signals, Ended], number: signal.Signals) -> None:
    run = ended[number]

    assert run.code == 130
    assert run.errors == "toolloom: interrupted; finished work is kept, the same command goes on from it\n"
    assert run.seconds < AT_ONCE_S


@pytest.mark.parametrize("number", SIGNALS)
def test_every_process_it_started_is_stopped(
    ended: dict[signal.Signals, Ended], number: signal.Signals
) -> None:
    words = {word for process in ended[number].started for word in process.command.split()}

    assert {"flows.prefect.guarded_server", "sandbox.serve"} <= words
    assert ended[number].left == []


def test_the_tables_equal_those_of_an_uninterrupted_run(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    ended: dict[signal.Signals, Ended],
    data: Path,
    uninterrupted: Snapshot,
) -> None:
    assert set(ended) == set(SIGNALS)

    done = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", data)

    assert done.returncode == 0, done.stdout + done.stderr
    assert snapshot_of(data).content == uninterrupted.content
