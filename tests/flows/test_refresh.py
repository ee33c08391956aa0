"""The whole command, as a person runs it: real servers, real processes, real files."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Sandbox, refused, serve_sandbox
from prefect_records import flow_runs, records_of, task_runs
from snapshots import Snapshot, rows
from typer.testing import CliRunner
from warm import WarmToolloom

from flows.cli import app
from warehouse import manifest

STAGES = ["crawl", "probe", "compress", "sample", "propose", "select", "annotate", "commit"]


def files(data: Path) -> dict[str, int]:
    """Every table file and manifest with the time it was written."""
    return {
        str(path.relative_to(data)): path.stat().st_mtime_ns
        for folder in ("tables", "shards", "runs")
        for path in (data / folder).rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def refreshed(uninterrupted: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(uninterrupted.data, tmp_path_factory.mktemp("refreshed") / "data"))


def test_every_stage_is_accounted_for(refreshed: Path) -> None:
    funnel = rows(refreshed, "SELECT * FROM funnel")

    assert [row["stage"] for row in funnel] == STAGES[:-1]
    assert all(row["n_in"] == row["n_out"] + row["n_rejected"] for row in funnel)
    assert all(row["n_out"] > 0 for row in funnel)


def test_instructions_come_from_every_scenario(refreshed: Path) -> None:
    counted = rows(refreshed, "SELECT scenario, count(*) AS n FROM instructions GROUP BY ALL ORDER BY ALL")

    assert counted == [{"scenario": "G1", "n": 8}, {"scenario": "G2", "n": 8}, {"scenario": "G3", "n": 8}]


def test_every_api_was_really_called(refreshed: Path) -> None:
    uncalled = rows(
        refreshed,
        "SELECT api_id FROM apis WHERE api_id NOT IN (SELECT api_id FROM probes) OR api_id NOT IN "
        "(SELECT api_id FROM verdicts)",
    )

    assert uncalled == []


def test_most_searches_answer_with_what_they_observed(refreshed: Path) -> None:
    (found,) = rows(
        refreshed, "SELECT avg(win::INT) AS won, min(n_calls) AS calls FROM annotations WHERE win"
    )
    (all_,) = rows(refreshed, "SELECT avg(win::INT) AS won FROM annotations")

    assert all_["won"] >= 0.6
    assert found["calls"] >= 1


def test_answers_hold_values_that_only_an_observation_could_give(refreshed: Path) -> None:
    (found,) = rows(refreshed, "@grounded_answers")

    assert found["share"] >= 0.95


def test_prefect_has_the_run_its_tasks_and_its_artifacts(uninterrupted: Snapshot, prefect_api: str) -> None:
    runs = flow_runs(prefect_api, uninterrupted.data)
    artifacts, tasks = records_of(prefect_api, "artifacts", runs), task_runs(prefect_api, runs, last="commit")

    assert {run["name"] for run in runs} == {"refresh-sandbox", "catalogue", "instructions", "annotations"}
    assert {"funnel-crawl", "funnel-annotate", "refresh-report"} <= {found["key"] for found in artifacts}
    names = {re.sub(r" of \d+$", "", task["name"]) for task in tasks}
    assert {"crawl", "probe shard 1", "annotate shard 1", "commit"} <= names


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM instructionz", "instructionz"),
        ("DROP VIEW tools", "only one SELECT can be run"),
        ("@funel", "did you mean @funnel, "),
    ],
)
def test_a_bad_query_is_explained(sql: str, message: str, refreshed: Path) -> None:
    done = CliRunner().invoke(app, ["sql", sql, "--data", str(refreshed)])

    assert done.exit_code == 2
    assert message in done.output
    assert "fix:" in done.output
    assert "Traceback" not in done.output


def test_a_repeat_asks_nothing_and_writes_nothing(
    toolloom: WarmToolloom, sandbox: Sandbox, refreshed: Path, prefect_api: str
) -> None:
    asked, written = sandbox.stats["requests"], files(refreshed)

    done = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", refreshed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Up to date" in done.stdout
    assert (sandbox.stats["requests"], files(refreshed)) == (asked, written)
    tasks = task_runs(prefect_api, flow_runs(prefect_api, refreshed), last="commit")
    states = {(task["name"], task["state"]["name"]) for task in tasks if task["name"] in STAGES}
    assert states == {(stage, "Cached") for stage in STAGES}


def test_a_refresh_exports_what_the_configuration_says(
    toolloom: WarmToolloom, sandbox: Sandbox, refreshed: Path
) -> None:
    wanted = ["--set", 'export.formats=["openai"]', "--set", "export.held_out=0.5"]
    exported = refreshed / "exports" / "openai"

    done = toolloom("refresh", *SMALL, *wanted, *sandbox.settings(), "--data", refreshed)

    said = json.loads((exported / "export.json").read_text())
    made = exported.stat().st_ino
    n_rows = sum(said["written"].values())
    assert f"exported openai to {exported}: {n_rows} rows" in done.stdout
    newest = manifest.newest(refreshed)
    assert newest is not None
    assert (said["run_id"], said["held_out"]) == (newest.run_id, 0.5)

    toolloom("refresh", *SMALL, *wanted, *sandbox.settings(), "--data", refreshed)

    assert exported.stat().st_ino == made

    # Nothing to export is no failure of a refresh that is committed, and is told.
    done = toolloom(
        "refresh", *SMALL, *wanted, "--set", "export.method=nobody", *sandbox.settings(), "--data", refreshed
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing is exported as openai: run" in done.stdout
    assert f"{exported} is of an earlier run" in done.stdout
    assert exported.stat().st_ino == made


def test_a_damaged_file_is_computed_anew(toolloom: WarmToolloom, sandbox: Sandbox, refreshed: Path) -> None:
    (path,) = {row["path"] for row in _table_refs(refreshed, "instructions")}
    before = (refreshed / path).read_bytes()
    (refreshed / path).chmod(0o644)
    (refreshed / path).write_bytes(before[:-20])

    done = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", refreshed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (refreshed / path).read_bytes() == before


def _table_refs(data: Path, table: str) -> list[dict[str, Any]]:
    (written,) = (data / "runs").glob("2*.json")
    refs: list[dict[str, Any]] = json.loads(written.read_text())["tables"][table]
    return refs


def test_a_budget_is_kept_and_what_is_finished_is_committed(
    toolloom: WarmToolloom, sandbox: Sandbox, refreshed: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(refreshed, data)
    other_instructions = ["--set", "instruct.seed=1", "--set", "budget.max_requests=15"]
    asked = sandbox.stats["requests"]

    done = toolloom("refresh", *SMALL, *other_instructions, *sandbox.settings(), "--data", data)

    code, text = refused(done)
    assert (code, sandbox.stats["requests"] - asked) == (3, 15)
    assert "[budget] max_requests = 15" in text
    assert [run.status for run in manifest.list_runs(data)] == ["complete", "partial"]


@pytest.mark.slow
def test_an_endpoint_that_dies_midway_keeps_what_is_finished(toolloom: WarmToolloom, tmp_path: Path) -> None:
    data = tmp_path / "data"
    slowly = ["--set", "llm.concurrency=2", "--set", "llm.outage_s=1"]
    with serve_sandbox(tmp_path, "--fault-rate", "0") as served:
        run = toolloom.start("refresh", *SMALL, *slowly, *served.settings(), "--data", data)
        while served.stats["by_stage"].get("search", 0) < 20:
            time.sleep(0.05)
        served.kill()
        done = run.wait()

    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "gave no usable answer" in done.stderr
    assert "pending" in done.stdout
    assert rows(data, "SELECT count(*) AS n FROM instructions") == [{"n": 24}]


def test_what_only_asks_what_the_endpoint_can_do_is_accounted_for(
    toolloom: WarmToolloom, sandbox: Sandbox, refreshed: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(refreshed, tmp_path / "data"))
    (data / "store" / "endpoints.json").unlink()
    before = sandbox.stats["requests"]

    again, third = (toolloom("refresh", *SMALL, *sandbox.settings(), "--data", data) for _ in range(2))

    assert (again.returncode, third.returncode) == (0, 0), again.stderr + third.stderr
    (newest,) = rows(data, "SELECT n_requests, run_id FROM runs ORDER BY finished_at DESC LIMIT 1")
    asked = rows(data, f"SELECT stage FROM llm_calls WHERE run_id = '{newest['run_id']}'")  # noqa: S608
    assert {call["stage"] for call in asked} == {"endpoint"}
    assert newest["n_requests"] == len(asked) == sandbox.stats["requests"] - before
    assert "Up to date" in third.stdout
