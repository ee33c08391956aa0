"""A run that is killed again and again, each time further along, ends as if nothing had happened.

The endpoint tells what was paid for twice: it has answered every request that reached it (this sandbox has no
faults of the endpoint), so what it got and the store does not hold was lost in flight, and only that may be
asked again.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from commands import SMALL, Sandbox, serve_steady_sandbox
from snapshots import (
    Snapshot,
    shard_files,
    snapshot_of,
    stored_calls,
    stored_replies,
    table_files,
)
from warm import Running, WarmToolloom

pytestmark = pytest.mark.slow

# Small shards, so that a crash finds some of a stage finished and some not; few requests at once, so that
# it finds most of them still to be made.
IN_SMALL_STEPS = [
    *("--set", "catalogue.tools_per_shard=6"),
    *("--set", "instruct.samples_per_shard=6"),
    *("--set", "annotate.instructions_per_shard=6"),
    *("--set", "annotate.concurrency=6"),
    *("--set", "llm.concurrency=3"),
]

# What each stage leaves behind, in the order of the stages.
DONE = {
    "crawl": "tools",
    "probe": "verdicts",
    "compress": "documents",
    "sample": "samples",
    "propose": "candidates",
    "select": "instructions",
    "annotate": "annotations",
}


@dataclass(frozen=True)
class Moment:
    """When `count` of the data folder has grown by `more` since the run was started."""

    count: Callable[[Path], int]
    more: int = 1


def begun(data: Path) -> int:
    return int((data / "runs" / "pending.json").exists())


def written(data: Path, table: str) -> int:
    """Of a stage whose shards are all there, the whole table is what comes next."""
    return shard_files(data, table) + table_files(data, table)


# The comments say where a run is then as a rule; what counts is that each gets further than the one before.
MOMENTS = [
    Moment(begun),
    Moment(partial(written, table="tools")),  # crawl
    Moment(partial(written, table="verdicts")),  # probe
    Moment(stored_replies, more=3),  # compress
    Moment(stored_replies, more=5),
    Moment(stored_replies, more=34),  # propose
    Moment(stored_replies, more=10),
    Moment(stored_calls, more=3),  # annotate
    Moment(stored_calls, more=20),
    Moment(partial(table_files, table="annotations")),  # commit
]


@pytest.fixture(scope="module")
def fresh_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One whose flaky APIs nobody has called yet, and whose teacher was asked nothing."""
    with serve_steady_sandbox(tmp_path_factory.mktemp("crashing")) as served:
        yield served


@dataclass(frozen=True)
class Account:
    """How far a run came.  repeated: requests that came before; committed: replies that are stored."""

    stage: str
    requests: int
    repeated: int
    committed: int

    def lost(self, trial: int) -> int:
        """Replies that were on their way when a run was killed.

        trial: requests that found out what the endpoint can do; what they told is remembered, not stored.
        """
        return max(0, self.requests - trial - self.committed)


@pytest.fixture(scope="module")
def accounts(toolloom: WarmToolloom, fresh_sandbox: Sandbox, data: Path) -> list[Account]:
    """What was asked by the time of each crash, and at the end of the run that then was left alone."""
    command = ["refresh", *SMALL, *IN_SMALL_STEPS, *fresh_sandbox.settings(), "--data", str(data)]
    found = []
    for moment in MOMENTS:
        kill_at(moment, data, lambda: toolloom.start(*command))
        found.append(settled(fresh_sandbox, data))
    done = toolloom(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return [*found, account(fresh_sandbox, data)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crashed") / "data"


def kill_at(moment: Moment, data: Path, start: Callable[[], Running]) -> None:
    wanted = moment.count(data) + moment.more
    run = start()
    deadline = time.monotonic() + 120
    while moment.count(data) < wanted:
        assert time.monotonic() < deadline, f"two minutes have not led to {moment}"
        time.sleep(0.002)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait().returncode == -signal.SIGKILL


def settled(sandbox: Sandbox, data: Path) -> Account:
    """The account once the teacher is through with what was sent before the crash."""
    before, now = None, account(sandbox, data)
    while now != before:
        time.sleep(0.1)
        before, now = now, account(sandbox, data)
    return now


def account(sandbox: Sandbox, data: Path) -> Account:
    stats = sandbox.stats
    stage = next((stage for stage, table in DONE.items() if not table_files(data, table)), "commit")
    return Account(stage, stats["requests"], stats["repeated"], stored_replies(data))


def test_the_crashes_are_spread_over_the_run(accounts: list[Account]) -> None:
    stages = [account.stage for account in accounts[:-1]]

    assert stages == sorted(stages, key=[*DONE, "commit"].index)
    assert {"crawl", "probe", "compress", "propose", "annotate", "commit"} <= set(stages)


def test_committed_replies_are_asked_again_zero_times(accounts: list[Account]) -> None:
    """Of all that was ever asked twice, each was lost at an earlier crash."""
    trial = max(account.requests for account in accounts if account.stage in ("crawl", "probe"))
    beyond_the_lost = [max(0, after.repeated - before.lost(trial)) for before, after in pairwise(accounts)]

    assert beyond_the_lost == [0] * len(MOMENTS)
    assert accounts[-1].repeated == accounts[-1].lost(trial)


def test_each_run_that_was_killed_is_marked_crashed(
    accounts: list[Account], prefect_api: str, data: Path
) -> None:
    """By the one after it."""
    wanted = {"flows": {"name": {"any_": ["refresh-dataset"]}}}
    runs = requests.post(f"{prefect_api}/flow_runs/filter", json=wanted, timeout=10).json()
    ours = [run["state"]["name"] for run in runs if run["parameters"].get("data") == str(data)]

    assert Counter(ours) == {"Crashed": len(accounts) - 1, "Completed": 1}


def test_the_tables_equal_those_of_an_uninterrupted_run(
    accounts: list[Account], data: Path, uninterrupted: Snapshot
) -> None:
    assert len(accounts) == len(MOMENTS) + 1

    assert snapshot_of(data).content == uninterrupted.content
