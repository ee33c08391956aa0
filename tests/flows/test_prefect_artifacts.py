"""What a refresh leaves in Prefect besides its stages: artifacts, events, and the report beside the data."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run
from types import ModuleType

import pytest
from commands import SMALL, Sandbox
from prefect_records import artifacts, events, told_of
from serving import wait_for
from snapshots import Snapshot
from warm import WarmToolloom

from flows.prefect.events import Deaths, deaths
from warehouse import manifest

# The run that several tests share is made by whichever comes first.

TELL = """
import sys
from pathlib import Path
from flows.prefect.events import tell_of_deaths
tell_of_deaths("scheduled", Path(sys.argv[1]), "run-2", alert_share=float(sys.argv[2]))
"""


@pytest.mark.parametrize(
    "key", ["rejects", "api-outcomes", "pass-rate", "cost", "changes", "report", "refresh-report"]
)
def test_a_refresh_leaves_artifacts_under_keys_that_stay(
    uninterrupted: Snapshot, prefect_api: str, key: str
) -> None:
    assert uninterrupted.content
    assert len(artifacts(prefect_api, key)) >= 1


def test_a_refresh_leaves_its_report_beside_the_data(uninterrupted: Snapshot) -> None:
    assert (uninterrupted.data / "report.html").read_text().startswith("<!doctype html>")


def test_a_commit_is_an_event(uninterrupted: Snapshot, prefect_api: str) -> None:
    newest = manifest.newest(uninterrupted.data)
    assert newest is not None
    event = wait_for(lambda: told_of(prefect_api, "toolloom.run.committed", newest.run_id))
    assert (event["status"], event["data"]) == ("complete", str(uninterrupted.data))
    assert event["counts"]["select"]["n_out"] == len(uninterrupted.rows("instructions"))


@pytest.fixture
def two_runs(tmp_path: Path, build: ModuleType) -> Path:
    """Of three kept APIs the second run keeps one, and finds another that is kept now."""
    ids = [f"Weather/skies/{name}" for name in ("a", "b", "c", "d")]
    first = [build.verdict(api, kept=api != ids[3]) for api in ids]
    second = [build.verdict(ids[0]), build.verdict(ids[1], kept=False), build.verdict(ids[3])]
    manifest.commit(tmp_path, build.snapshot(tmp_path, *first))
    manifest.commit(tmp_path, build.snapshot(tmp_path, *second, run_id="run-2", parent="run-1"))
    return tmp_path


def test_died_is_what_was_kept_and_is_no_more(two_runs: Path) -> None:
    assert deaths(two_runs, "run-2") == Deaths(died=("Weather/skies/b", "Weather/skies/c"), n_before=3)
    assert deaths(two_runs, "run-1") == Deaths(died=(), n_before=0)


@pytest.mark.slow
def test_many_deaths_are_an_event_and_few_are_none(two_runs: Path, prefect_api: str) -> None:
    env = {"PREFECT_API_URL": prefect_api, "PREFECT_HOME": str(two_runs / "home")}
    for alert_share in ("0.7", "0.6"):
        run([sys.executable, "-c", TELL, str(two_runs), alert_share], check=True, env=env)
    event = wait_for(lambda: told_of(prefect_api, "toolloom.apis.died", "run-2"))
    assert event == {
        "run_id": "run-2",
        "n_died": 2,
        "n_before": 3,
        "share": 0.6667,
        "examples": ["Weather/skies/b", "Weather/skies/c"],
    }
    alike = [told for told in events(prefect_api, "toolloom.apis.died") if told["run_id"] == "run-2"]
    assert len(alike) == 1


@pytest.mark.slow
def test_a_budget_that_is_reached_is_an_event(
    toolloom: WarmToolloom, sandbox: Sandbox, prefect_api: str, tmp_path: Path
) -> None:
    budget = ["--set", "budget.max_requests=40"]
    done = toolloom("refresh", *SMALL, *budget, *sandbox.settings(), "--data", tmp_path / "data")
    assert done.returncode == 3
    run_id = manifest.list_runs(tmp_path / "data")[-1].run_id
    event = wait_for(lambda: told_of(prefect_api, "toolloom.run.stopped-by-budget", run_id))
    assert "40" in event["why"]
