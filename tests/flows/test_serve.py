"""A data set that refreshes itself: by `toolloom serve`, and by a work pool with `prefect.yaml`."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from commands import SMALL
from living import Process, descendants_of, gone_within
from serving import Served, finished_scheduled_runs, serving, state_of, wait_for, worker_of_pool

from warehouse import manifest

pytestmark = pytest.mark.slow

EVERY_MINUTE = "* * * * *"
WITH_A_KEY = ["--set", 'calling.keys={"api.example.test" = "EXAMPLE_KEY"}']
# A request a second: the run is under way for as long as a test needs it.
SLOWLY = ["--set", "llm.requests_per_minute=60"]


@dataclass(frozen=True)
class Refreshed:
    """A folder that was refreshed on a schedule, and the run that did it."""

    data: Path
    run: dict[str, Any]


@pytest.fixture(scope="module")
def server(prefect_api: str) -> str:
    return prefect_api.removesuffix("/api")


@dataclass(frozen=True)
class Stopped:
    """What became of a `toolloom serve` with a run under way, and of what was asked of it meanwhile.

    killed: the state of a run before that one, whose process was killed.
    resumed: the run ids of both, in the data folder.
    """

    killed: tuple[str, str]
    resumed: tuple[str, str]
    second_run: tuple[str, str]
    wrong_parameters: requests.Response
    by_hand: subprocess.CompletedProcess[str]
    served_twice: subprocess.CompletedProcess[str]
    code: int
    left: list[Any]
    database: Path
    first_run: str


@pytest.fixture(scope="module")
def both(
    prefect_api: str, server: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Refreshed], Stopped]:
    """At the same time: the schedules wait for the minute, the runs to be stopped for their model."""
    served, pool, data = (tmp_path_factory.mktemp(name) for name in ("served", "pool", "stopped"))
    with ThreadPoolExecutor() as threads:
        on_schedule = threads.submit(refreshed_on_schedule, prefect_api, server, served, pool)
        stopped = stopped_in(data)
        return on_schedule.result(), stopped


@pytest.fixture(scope="module")
def scheduled(both: tuple[dict[str, Refreshed], Stopped]) -> dict[str, Refreshed]:
    return both[0]


@pytest.fixture(scope="module")
def stopped(both: tuple[dict[str, Refreshed], Stopped]) -> Stopped:
    return both[1]


def refreshed_on_schedule(api: str, server: str, folder: Path, pool: Path) -> dict[str, Refreshed]:
    """Both ways at once, since a schedule of cron makes each wait for the minute."""
    env = {"PREFECT_API_URL": api, "EXAMPLE_KEY": "key-of-the-served"}
    served = serving(folder, *SMALL, *WITH_A_KEY, "--cron", EVERY_MINUTE, "--name", "served", env=env)
    with served, worker_of_pool(pool, EVERY_MINUTE, env):
        runs = {
            name: wait_for(partial(finished_scheduled_runs, server, name))[0]
            for name in ("served", "nightly")
        }
    return {
        "served": Refreshed(folder, runs["served"]),
        "nightly": Refreshed(pool / "warehouse" / "data", runs["nightly"]),
    }


@pytest.mark.parametrize("name", ["served", "nightly"])
def test_a_scheduled_run_is_created_and_executed(scheduled: dict[str, Refreshed], name: str) -> None:
    found = scheduled[name]
    (*_, committed) = manifest.list_runs(found.data)

    assert found.run["state"]["name"] == "Completed"
    assert found.run["parameters"]["data"] == str(found.data)
    assert committed.status == {"served": "complete", "nightly": "partial"}[name]


def test_a_worker_and_its_runs_import_nothing_from_where_they_were_started(
    scheduled: dict[str, Refreshed],
) -> None:
    pool = scheduled["nightly"].data.parents[1]

    assert (pool / "flows").exists()
    assert not (pool / "imported").exists()


def test_the_report_is_linked_to_where_it_was_served(scheduled: dict[str, Refreshed], server: str) -> None:
    run = {"any_": [scheduled["served"].run["id"]]}
    wanted = {"artifacts": {"key": {"any_": ["report"]}, "flow_run_id": run}}
    (report,) = post(server, "artifacts/filter", wanted).json()
    (*_, committed) = manifest.list_runs(scheduled["served"].data)

    assert "](http://127.0.0.1:" in report["data"]
    assert f"/reports/{committed.run_id}.html)" in report["data"]


def test_a_server_of_others_is_left_running(scheduled: dict[str, Refreshed], server: str) -> None:
    assert scheduled
    assert requests.get(f"{server}/api/health", timeout=10).ok


def test_a_run_that_fell_silent_is_marked_crashed(scheduled: dict[str, Refreshed], server: str) -> None:
    """Its process and that of `serve` are gone with their machine: only the server is left."""
    done = scheduled["served"].run
    (registered,) = silent_runs(server)
    hastened = replaced(registered, name="hastened", within=10, tag="prefect.tag.hastened")
    post(server, "automations/", hastened)
    silent = {"name": "silent", "flow_id": done["flow_id"], "state": {"type": "RUNNING"}}
    run_id = post(server, "flow_runs/", silent).json()["id"]
    tags = [related["prefect.resource.id"] for related in beat_in(server, done["id"])["related"]]

    post(server, "events", [beat_of(run_id, "prefect.tag.hastened")])
    name, message = wait_for(lambda: state_if(server, run_id, "Crashed"))

    assert (name, message.partition(",")[0]) == ("Crashed", "This run has been silent for two minutes")
    assert "prefect.tag.toolloom" in tags


def beat_in(server: str, run_id: str) -> dict[str, Any]:
    wanted = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [resource_of(run_id)]}}
    found = post(server, "events/filter", {"filter": wanted}).json()["events"]
    return dict(found[0])


def silent_runs(server: str) -> list[dict[str, Any]]:
    name = {"automations": {"name": {"any_": ["toolloom silent runs"]}}}
    return list(post(server, "automations/filter", name).json())


def replaced(automation: dict[str, Any], *, name: str, within: int, tag: str) -> dict[str, Any]:
    """Another automation, for runs of another tag."""
    trigger = {**automation["trigger"], "within": within, "match_related": {"prefect.resource.id": tag}}
    del trigger["id"]
    return {"name": name, "trigger": trigger, "actions": automation["actions"]}


def beat_of(run_id: str, tag: str) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "prefect.flow-run.heartbeat",
        "resource": {"prefect.resource.id": resource_of(run_id)},
        "related": [{"prefect.resource.id": tag, "prefect.resource.role": "tag"}],
    }


def resource_of(run_id: str) -> str:
    return f"prefect.flow-run.{run_id}"


def post(server: str, route: str, content: Any) -> requests.Response:
    answer = requests.post(f"{server}/api/{route}", json=content, timeout=10)
    answer.raise_for_status()
    return answer


def state_if(server: str, run_id: str, name: str) -> tuple[str, str] | None:
    state = state_of(server, run_id)
    return state if state[0] == name else None


def stopped_in(data: Path) -> Stopped:
    with serving(data, *SMALL, *SLOWLY, "--port", "0") as served:
        dies = served.start_run().json()["id"]
        begun = wait_for(lambda: pending_of(data, dies))
        kill(process for process in descendants_of(served.process.pid) if "prefect.engine" in process.command)
        killed = wait_for(lambda: state_if(served.url, dies, "Crashed"))
        first = served.start_run().json()["id"]
        goes_on = wait_for(lambda: pending_of(data, first))
        second = served.start_run().json()["id"]
        wrong = served.start_run(config={"annotate": {"widht": 3}})
        by_hand = toolloom("refresh", "--data", data)
        twice = toolloom("serve", "--data", data)
        second_run = wait_for(lambda: _final(served, second))
        started = descendants_of(served.process.pid)
        served.process.send_signal(signal.SIGTERM)
        served.process.communicate(timeout=60)
        return Stopped(
            killed,
            (begun, goes_on),
            second_run,
            wrong,
            by_hand,
            twice,
            served.process.returncode,
            gone_within(started, 5),
            data / "prefect" / "prefect.db",
            first,
        )


def pending_of(data: Path, job: str) -> str | None:
    """The run of the data folder that a flow run works on; None while it does not yet."""
    lock, pending = data / ".lock", data / "runs" / "pending.json"
    if not pending.exists() or f'"job":"{job}"' not in lock.read_text():
        return None
    return str(json.loads(pending.read_text())["run_id"])


def kill(processes: Iterable[Process]) -> None:
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)


def _final(served: Served, run_id: str) -> tuple[str, str] | None:
    state = state_of(served.url, run_id)
    return state if state[0] in {"Cancelled", "Failed", "Completed", "Crashed"} else None


def toolloom(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_run_that_is_killed_is_marked_crashed_and_continued(stopped: Stopped) -> None:
    assert stopped.killed[0] == "Crashed"
    assert stopped.resumed[0] == stopped.resumed[1]


def test_a_second_run_of_the_deployment_is_refused(stopped: Stopped) -> None:
    assert stopped.second_run == ("Cancelled", "Deployment concurrency limit reached.")


def test_a_run_by_hand_is_refused_meanwhile(stopped: Stopped) -> None:
    assert stopped.by_hand.returncode == 2
    assert "another run (pid " in stopped.by_hand.stderr
    assert ": refresh sandbox) works on" in stopped.by_hand.stderr


def test_a_folder_is_served_once(stopped: Stopped) -> None:
    assert stopped.served_twice.returncode == 2
    assert "is served already, at http://127.0.0.1:" in stopped.served_twice.stderr


def test_wrong_parameters_are_refused_with_their_name(stopped: Stopped) -> None:
    assert stopped.wrong_parameters.status_code == 409
    assert "Validation failed for field 'config'" in stopped.wrong_parameters.text


def test_a_signal_stops_everything_it_started(stopped: Stopped) -> None:
    assert stopped.code == 0
    assert stopped.left == []


def test_the_run_that_was_under_way_is_marked_crashed(stopped: Stopped) -> None:
    with sqlite3.connect(stopped.database) as database:
        states = dict(database.execute("SELECT id, state_name FROM flow_run").fetchall())
    database.close()

    assert states[stopped.first_run] == "Crashed"
    assert "Running" not in states.values()
