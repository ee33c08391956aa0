"""The whole command, as a person runs it: real servers, real processes, real files."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from commands import Command, Sandbox, refused, serve_sandbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STAGES = ["crawl", "probe", "compress", "sample", "propose", "select", "annotate", "commit"]
SMALL = ["--set", "instruct.accepted=24", "--set", "sample.draws_per_tool_in_collection=0.3"]


def rows(toolloom: Command, data: Path, sql: str) -> list[dict[str, Any]]:
    done = toolloom("sql", sql, "--format", "json", "--data", data)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def files(data: Path) -> dict[str, int]:
    """Every table file and manifest with the time it was written."""
    return {
        str(path.relative_to(data)): path.stat().st_mtime_ns
        for folder in ("tables", "shards", "runs")
        for path in (data / folder).rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def refreshed(toolloom: Command, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("refreshed") / "data"
    done = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return data


def test_every_stage_is_accounted_for(toolloom: Command, refreshed: Path) -> None:
    funnel = rows(toolloom, refreshed, "SELECT * FROM funnel")

    assert [row["stage"] for row in funnel] == STAGES[:-1]
    assert all(row["n_in"] == row["n_out"] + row["n_rejected"] for row in funnel)
    assert all(row["n_out"] > 0 for row in funnel)


def test_instructions_come_from_every_scenario(toolloom: Command, refreshed: Path) -> None:
    counted = rows(
        toolloom, refreshed, "SELECT scenario, count(*) AS n FROM instructions GROUP BY ALL ORDER BY ALL"
    )

    assert counted == [{"scenario": "G1", "n": 8}, {"scenario": "G2", "n": 8}, {"scenario": "G3", "n": 8}]


def test_every_api_was_really_called(toolloom: Command, refreshed: Path) -> None:
    uncalled = rows(
        toolloom,
        refreshed,
        "SELECT api_id FROM apis WHERE api_id NOT IN (SELECT api_id FROM probes) OR api_id NOT IN "
        "(SELECT api_id FROM verdicts)",
    )

    assert uncalled == []


def test_most_searches_answer_with_what_they_observed(toolloom: Command, refreshed: Path) -> None:
    (found,) = rows(
        toolloom, refreshed, "SELECT avg(win::INT) AS won, min(n_calls) AS calls FROM annotations WHERE win"
    )
    (all_,) = rows(toolloom, refreshed, "SELECT avg(win::INT) AS won FROM annotations")

    assert all_["won"] >= 0.6
    assert found["calls"] >= 1


def test_answers_hold_values_that_only_an_observation_could_give(toolloom: Command, refreshed: Path) -> None:
    (found,) = rows(toolloom, refreshed, "@grounded_answers")

    assert found["share"] >= 0.95


def test_prefect_has_the_run_its_tasks_and_its_artifacts(refreshed: Path, prefect_api: str) -> None:
    del refreshed
    runs = requests.post(f"{prefect_api}/flow_runs/filter", json={}, timeout=10).json()
    artifacts = requests.post(f"{prefect_api}/artifacts/latest/filter", json={}, timeout=10).json()
    tasks = requests.post(f"{prefect_api}/task_runs/filter", json={}, timeout=10).json()

    assert {"refresh-sandbox", "catalogue", "instructions", "annotations"} <= {run["name"] for run in runs}
    assert {"funnel-crawl", "funnel-annotate", "refresh-report"} <= {found["key"] for found in artifacts}
    assert {"crawl", "probe 0", "annotate 0", "commit"} <= {task["name"] for task in tasks}


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM instructionz", "instructionz"),
        ("DROP VIEW tools", "only one SELECT can be run"),
        ("@funel", "did you mean @funnel?"),
    ],
)
def test_a_bad_query_is_explained(toolloom: Command, sql: str, message: str, refreshed: Path) -> None:
    code, text = refused(toolloom("sql", sql, "--data", refreshed))

    assert code == 2
    assert message in text


def test_a_repeat_asks_nothing_and_writes_nothing(
    toolloom: Command, sandbox: Sandbox, refreshed: Path, prefect_api: str
) -> None:
    asked, written = sandbox.stats["requests"], files(refreshed)

    done = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", refreshed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Up to date" in done.stdout
    assert (sandbox.stats["requests"], files(refreshed)) == (asked, written)
    newest = requests.post(
        f"{prefect_api}/task_runs/filter", json={"sort": "EXPECTED_START_TIME_DESC", "limit": 50}, timeout=10
    ).json()
    states = [task["state"]["name"] for task in newest if task["name"] in STAGES]
    assert states[: len(STAGES)] == ["Cached"] * len(STAGES)


def test_a_damaged_file_is_computed_anew(toolloom: Command, sandbox: Sandbox, refreshed: Path) -> None:
    (path,) = {row["path"] for row in _table_refs(refreshed, "instructions")}
    before = (refreshed / path).read_bytes()
    (refreshed / path).chmod(0o644)
    (refreshed / path).write_bytes(before[:-20])

    done = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", refreshed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (refreshed / path).read_bytes() == before


def _table_refs(data: Path, table: str) -> list[dict[str, Any]]:
    (manifest,) = (data / "runs").glob("2*.json")
    refs: list[dict[str, Any]] = json.loads(manifest.read_text())["tables"][table]
    return refs


def test_after_kill_9_committed_replies_are_not_asked_again(
    toolloom: Command, sandbox: Sandbox, prefect_api: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    command = ["refresh", *SMALL, "--set", "instruct.seed=7", *sandbox.settings(), "--data", str(data)]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", *command], env={**os.environ, "PREFECT_API_URL": prefect_api}
    )
    with process:
        _wait_for_annotation(data, process)
        process.send_signal(signal.SIGKILL)
    committed, asked = _replies(data), sandbox.stats["requests"]

    done = toolloom(*command)

    assert done.returncode == 0, done.stdout + done.stderr
    assert sandbox.stats["requests"] - asked == _replies(data) - committed
    assert rows(toolloom, data, "SELECT count(*) AS n FROM annotations") == [{"n": 24}]


def _wait_for_annotation(data: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the first search has called an API, so that replies of searches are committed."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the run ended before it could be killed"
        if _entries(data / "store" / "calls.sqlite") > 10:
            return
        time.sleep(0.02)
    pytest.fail("no search called an API in two minutes")


def _replies(data: Path) -> int:
    return _entries(data / "store" / "replies.sqlite")


def _entries(path: Path) -> int:
    if not path.exists():
        return 0
    with sqlite3.connect(path) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        count = sum(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables)  # noqa: S608
    connection.close()
    return int(count)


def test_a_budget_is_kept_and_what_is_finished_is_committed(
    toolloom: Command, sandbox: Sandbox, tmp_path: Path
) -> None:
    asked = sandbox.stats["requests"]

    done = toolloom(
        "refresh", *sandbox.settings(), "--set", "budget.max_requests=25", "--data", tmp_path / "data"
    )

    code, text = refused(done)
    assert (code, sandbox.stats["requests"] - asked) == (3, 25)
    assert "[budget] max_requests = 25" in text
    assert rows(toolloom, tmp_path / "data", "@runs")[0]["status"] == "partial"


def test_a_signal_ends_a_slow_run_at_once(prefect_api: str, tmp_path: Path) -> None:
    with serve_sandbox(tmp_path, "--fault-rate", "0") as served:
        slowly = ["--set", "llm.requests_per_minute=60"]
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", "refresh", *served.settings(), *slowly, "--data", str(tmp_path)],
            env={**os.environ, "PREFECT_API_URL": prefect_api},
            stderr=subprocess.PIPE,
            text=True,
        )
        while served.stats["by_stage"].get("instruct", 0) < 3 and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert errors == "toolloom: interrupted; finished work is kept, the same command goes on from it\n"


def test_an_endpoint_that_dies_midway_keeps_what_is_finished(
    toolloom: Command, prefect_api: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with serve_sandbox(tmp_path, "--fault-rate", "0") as served:
        slowly = ["--set", "llm.concurrency=2", "--set", "llm.outage_s=1"]
        command = ["refresh", *served.settings(), *slowly, "--data", str(data)]
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", *command],
            env={**os.environ, "PREFECT_API_URL": prefect_api},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while served.stats["by_stage"].get("search", 0) < 20 and process.poll() is None:
            time.sleep(0.05)
        served.kill()
        output, errors = process.communicate(timeout=120)

    assert (process.returncode, "Traceback" in errors) == (1, False)
    assert "gave no usable answer" in errors
    assert "pending" in output
    kept = toolloom("sql", "SELECT count(*) AS n FROM instructions", "--format", "csv", "--data", data)
    assert kept.stdout.split() == ["n", "150"]
