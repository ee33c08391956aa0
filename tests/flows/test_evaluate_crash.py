"""An evaluation that is killed: no vote is asked twice, and the tables are those of one left alone."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import SMALL, Sandbox, serve_steady_sandbox
from snapshots import Snapshot, rows, snapshot_of, stored_replies
from warm import WarmToolloom

pytestmark = pytest.mark.slow

IN_SMALL_STEPS = ["--set", "llm.concurrency=3", *SMALL]
BEFORE_THE_CRASH = 12  # votes of the killed evaluation that are stored


@pytest.fixture(scope="module")
def fresh_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One whose judge was asked nothing yet."""
    with serve_steady_sandbox(tmp_path_factory.mktemp("crashing")) as served:
        yield served


@dataclass(frozen=True)
class Account:
    """requests: that reached the judge; repeated: of these, that came before; votes: replies stored."""

    requests: int
    repeated: int
    votes: int


@dataclass(frozen=True)
class Crashed:
    data: Path
    at_crash: Account
    at_end: Account


@pytest.fixture(scope="module")
def crashed(
    toolloom: WarmToolloom,
    fresh_sandbox: Sandbox,
    uninterrupted: Snapshot,
    tmp_path_factory: pytest.TempPathFactory,
) -> Crashed:
    data = tmp_path_factory.mktemp("crashed") / "data"
    shutil.copytree(uninterrupted.data, data)
    stored = stored_replies(data)

    def account() -> Account:
        stats = fresh_sandbox.stats
        return Account(stats["requests"], stats["repeated"], stored_replies(data) - stored)

    command = ["evaluate", *IN_SMALL_STEPS, *fresh_sandbox.settings(), "--data", str(data)]
    run = toolloom.start(*command)
    deadline = time.monotonic() + 120
    while account().votes < BEFORE_THE_CRASH:
        assert time.monotonic() < deadline, "two minutes have not led to as many votes"
        time.sleep(0.002)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait().returncode == -signal.SIGKILL
    before, at_crash = None, account()
    while at_crash != before:
        time.sleep(0.2)
        before, at_crash = at_crash, account()
    done = toolloom(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return Crashed(data, at_crash, account())


def test_no_vote_that_was_stored_is_asked_for_again(crashed: Crashed) -> None:
    """What the judge was asked, and is not stored, was on its way when the evaluation was killed."""
    before, after = crashed.at_crash, crashed.at_end
    lost = before.requests - before.votes

    assert before.votes >= BEFORE_THE_CRASH
    assert after.votes > before.votes
    assert after.requests - after.votes == lost
    assert after.repeated <= lost


def test_every_answer_has_all_its_votes(crashed: Crashed) -> None:
    assert rows(
        crashed.data,
        "SELECT bool_and(n_votes = CASE WHEN by_rule THEN 1 ELSE 3 END) AS complete, "
        "count(DISTINCT annotation_id) = (SELECT count(*) FROM annotations) AS all_of_them "
        "FROM judged_answers",
    ) == [{"complete": True, "all_of_them": True}]


def test_the_tables_equal_those_of_an_evaluation_that_was_left_alone(
    crashed: Crashed,
    toolloom: WarmToolloom,
    fresh_sandbox: Sandbox,
    uninterrupted: Snapshot,
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    shutil.copytree(uninterrupted.data, data)
    done = toolloom("evaluate", *IN_SMALL_STEPS, *fresh_sandbox.settings(), "--data", str(data))
    assert done.returncode == 0, done.stdout + done.stderr
    assert snapshot_of(crashed.data).content == snapshot_of(data).content
