"""Killed with 64 searches in flight: what was committed is asked and called once, the tables are equal."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from commands import Sandbox, serve_steady_sandbox
from snapshots import Snapshot, rows, snapshot_of, stored_replies
from toolbench_queries import SERVICE, mentions, query, tool_called, write_queries
from warm import WarmToolloom

pytestmark = pytest.mark.slow

SEARCHES = 96
AT_ONCE = 64
SETTINGS = ["--set", f"annotate.concurrency={AT_ONCE}", "--set", f"llm.concurrency={AT_ONCE}"]
SETTINGS += ["--set", "annotate.instructions_per_shard=24", *SERVICE]


@pytest.fixture(scope="module")
def fresh_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with serve_steady_sandbox(tmp_path_factory.mktemp("crashing")) as served:
        yield served


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tools = [mentions(tool_called(slug)) for slug in ("unit-converter", "molecule-lab", "periodic-table")]
    return write_queries(
        tmp_path_factory.mktemp("queries") / "G2_instruction.json",
        *(
            query(number, f"Convert {number} miles to kilometres, and weigh {number} moles of H2O.", *tools)
            for number in range(1, SEARCHES + 1)
        ),
    )


@dataclass(frozen=True)
class Account:
    """requests, calls: that reached the servers; replies, answers: that are committed."""

    requests: int
    repeated: int
    replies: int
    calls: int
    answers: int


def account(sandbox: Sandbox, data: Path) -> Account:
    stats = sandbox.stats
    calls = requests.get(f"{sandbox.hub}/stats", timeout=10).json()["by_outcome"].get("toolbench", 0)
    return Account(stats["requests"], stats["repeated"], stored_replies(data), calls, answers(data))


def answers(data: Path) -> int:
    path = data / "store" / "calls.sqlite"
    if not path.exists():
        return 0
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        counted = connection.execute("SELECT count(*) FROM entries")
        return int(counted.fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # the table is about to be made
    finally:
        connection.close()


def settled(sandbox: Sandbox, data: Path) -> Account:
    before, now = None, account(sandbox, data)
    while now != before:
        time.sleep(0.2)
        before, now = now, account(sandbox, data)
    return now


@dataclass(frozen=True)
class Crashed:
    data: Path
    at_crash: Account
    in_flight: int
    at_end: Account


@pytest.fixture(scope="module")
def crashed(
    toolloom: WarmToolloom, fresh_sandbox: Sandbox, queries: Path, tmp_path_factory: pytest.TempPathFactory
) -> Crashed:
    data = tmp_path_factory.mktemp("crashed") / "data"
    command = [
        "annotate",
        "--queries",
        str(queries),
        *SETTINGS,
        *fresh_sandbox.settings(),
        "--data",
        str(data),
    ]
    run = toolloom.start(*command)
    deadline = time.monotonic() + 120
    while answers(data) < AT_ONCE:
        assert time.monotonic() < deadline, "two minutes have not led to as many calls"
        time.sleep(0.002)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait().returncode == -signal.SIGKILL
    at_crash = settled(fresh_sandbox, data)
    done = toolloom(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return Crashed(data, at_crash, AT_ONCE, account(fresh_sandbox, data))


def test_replies_that_were_committed_are_not_asked_for_again(crashed: Crashed) -> None:
    before, after = crashed.at_crash, crashed.at_end
    lost = before.requests - before.replies

    assert before.replies > 0
    assert 0 <= lost <= AT_ONCE
    assert after.requests - after.replies == lost


def test_answers_that_were_recorded_are_not_called_for_again(crashed: Crashed) -> None:
    before, after = crashed.at_crash, crashed.at_end
    lost = before.calls - before.answers

    assert before.answers >= AT_ONCE
    assert 0 <= lost <= AT_ONCE
    assert after.calls - after.answers == lost
    assert after.answers == rows(crashed.data, "SELECT sum(n_calls)::INT AS n FROM annotations")[0]["n"]


def test_what_the_run_called_before_it_was_killed_is_its_own(crashed: Crashed) -> None:
    assert rows(crashed.data, "SELECT DISTINCT origin FROM calls") == [{"origin": "real"}]


def test_the_tables_equal_those_of_an_uninterrupted_run(
    crashed: Crashed, toolloom: WarmToolloom, fresh_sandbox: Sandbox, queries: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    done = toolloom(
        *("annotate", "--queries", str(queries), *SETTINGS, *fresh_sandbox.settings(), "--data", str(data))
    )
    assert done.returncode == 0, done.stdout + done.stderr

    whole: Snapshot = snapshot_of(data)
    assert snapshot_of(crashed.data).content == whole.content
    assert not list((crashed.data / "parts").rglob("*.parquet"))
