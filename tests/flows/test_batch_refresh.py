"""A refresh that asks in batches, is killed while it waits for one, and goes on: the tables are the same."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from commands import SMALL, Sandbox, at_endpoint, serve_steady_sandbox
from snapshots import Snapshot, rows, snapshot_of
from warm import WarmToolloom

pytestmark = pytest.mark.slow

IN_BATCHES = ["--set", "llm.batch=true", "--set", "llm.batch_poll_s=0.3"]


@pytest.fixture
def fresh_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with serve_steady_sandbox(tmp_path) as served:
        yield served


def root(sandbox: Sandbox) -> str:
    return sandbox.teacher.removesuffix("/v1")


def script(sandbox: Sandbox, *fates: str, delay_s: float = 0.0) -> None:
    order = {"fates": fates, "delay_s": delay_s}
    requests.post(f"{root(sandbox)}/batches/script", json=order, timeout=10).raise_for_status()


def batches(sandbox: Sandbox) -> list[dict[str, Any]]:
    found = requests.get(f"{sandbox.teacher}/batches?limit=100", timeout=10).json()
    return list(found["data"])


def on_record(data: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in (data / "store" / "batches").glob("[!.]*.json")]


def test_killed_while_waiting_it_collects_the_batch_and_gives_the_same_tables(
    toolloom: WarmToolloom, fresh_sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    arguments: list[str | Path] = ["refresh", *SMALL, *IN_BATCHES, *fresh_sandbox.settings(), "--data", data]
    script(fresh_sandbox, "expired", "failing_lines", "lost_lines", delay_s=1.5)
    running = toolloom.start(*arguments)
    while not any(record["batch_id"] for record in on_record(data)):
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait().returncode == -signal.SIGKILL

    done = toolloom(*arguments)

    assert done.returncode == 0, done.stderr
    assert snapshot_of(data).content == uninterrupted.content
    assert fresh_sandbox.stats["repeated"] == 0
    assert on_record(data) == []
    asked = rows(data, "SELECT stage, count(*) AS n FROM llm_calls WHERE NOT from_store GROUP BY stage")
    answered = sum(batch["request_counts"]["completed"] for batch in batches(fresh_sandbox))
    assert answered == sum(row["n"] for row in asked if row["stage"] not in ("annotate", "endpoint"))


def test_without_batches_it_says_which_are_under_way(
    toolloom: WarmToolloom, fresh_sandbox: Sandbox, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    asked: list[str | Path] = ["refresh", *SMALL, *fresh_sandbox.settings(), "--data", data]
    script(fresh_sandbox, delay_s=600)
    running = toolloom.start(*asked, *IN_BATCHES)
    while not any(record["batch_id"] for record in on_record(data)):
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    (n,) = (len(record["entries"]) for record in on_record(data))

    done = toolloom(*asked, "--until", "compress")

    assert done.returncode == 0, done.stderr
    assert f"1 batch of an earlier start, {n} requests, not collected from" in done.stdout


def test_an_endpoint_that_takes_no_batches_is_found_before_the_run(
    toolloom: WarmToolloom, fresh_sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = [*fresh_sandbox.settings(), *at_endpoint(f"{root(fresh_sandbox)}/none/v1")]
    done = toolloom("refresh", *SMALL, *IN_BATCHES, *settings, "--data", tmp_path / "data")
    assert done.returncode == 2, done.stderr
