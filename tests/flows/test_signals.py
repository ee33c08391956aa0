"""Ctrl-C and SIGTERM: an end at once, nothing left running, and the next run goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import SMALL, Sandbox
from living import Process, descendants_of, gone_within
from snapshots import Snapshot, snapshot_of, stored_replies
from warm import WarmToolloom

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# A request a second: the signal meets a run that would take minutes, with most requests waiting their turn.
SLOWLY = ["--set", "llm.requests_per_minute=60"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_the_run_and_all_it_started(
    number: signal.Signals,
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    uninterrupted: Snapshot,
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "refresh", *SMALL, *SLOWLY, "--data", str(data)],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        started = _once_it_asks(process, data)
        process.send_signal(number)
        signalled = time.monotonic()
        _, errors = process.communicate(timeout=60)
        took = time.monotonic() - signalled

    assert process.returncode == 130
    assert errors == "toolloom: interrupted; finished work is kept, the same command goes on from it\n"
    assert {"prefect", "sandbox.serve"} <= {word for each in started for word in each.command.split()}
    assert gone_within(started, 5) == []
    assert took < 20

    done = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", data)

    assert done.returncode == 0, done.stdout + done.stderr
    assert snapshot_of(data).content == uninterrupted.content


def _once_it_asks(process: subprocess.Popen[str], data: Path) -> list[Process]:
    """All it has started, by the time a few replies are committed."""
    deadline = time.monotonic() + 120
    while stored_replies(data) < 3:
        assert process.poll() is None, "the run ended before it could be interrupted"
        assert time.monotonic() < deadline, "two minutes have not led to three replies"
        time.sleep(0.05)
    return descendants_of(process.pid)
