"""`toolloom serve` and a Prefect work pool in tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from strangers import Strangers

from flows.prefect.supervise import Child

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Served:
    """A `toolloom serve`.  url: of the Prefect server."""

    process: subprocess.Popen[str]
    url: str
    deployment_id: str

    def start_run(self, **parameters: Any) -> requests.Response:
        """The server's answer; a server whose database is busy is asked again, as Prefect's client does."""
        for _ in range(10):
            answer = requests.post(
                f"{self.url}/api/deployments/{self.deployment_id}/create_flow_run",
                json={"parameters": parameters},
                timeout=30,
            )
            if answer.status_code < requests.codes.internal_server_error:
                break
            time.sleep(1)
        return answer


@contextmanager
def serving(data: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Served]:
    command = [sys.executable, "-m", "flows", "serve", "--data", str(data), *arguments]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(env or {})},
    ) as process:
        try:
            yield _greeted(process)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _greeted(process: subprocess.Popen[str]) -> Served:
    assert process.stdout is not None
    said: dict[str, str] = {}
    for line in process.stdout:
        key, _, value = line.strip().partition(" ")
        said[key] = value.strip()
        if key == "Ctrl-C":
            return Served(process, said["Prefect"].split()[-1], said["deployment"].rpartition("/")[2])
    raise AssertionError(f"it was not served: {said}")


def worker_of_pool(folder: Path, cron: str, env: Mapping[str, str]) -> Child:
    """A worker for what `prefect deploy --all` makes of the repository's own file, at these times."""
    text = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    changed = text.replace("0 3 * * *", cron).replace(
        "    parameters:\n", "    parameters:\n      until: crawl\n"
    )
    (folder / "prefect.yaml").write_text(changed, encoding="utf-8")
    settings = {**os.environ, **env, "PREFECT_HOME": str(folder / "home"), "PWD": str(folder)}
    prefect = [sys.executable, "-P", "-m", "prefect"]  # as the `prefect` on the path: nothing of the folder
    for command in (["work-pool", "create", "toolloom", "--type", "process"], ["deploy", "--all"]):
        subprocess.run([*prefect, *command], cwd=folder, env=settings, check=True, timeout=300)
    Strangers(folder, folder / "imported")  # the worker stands among them; `deploy` imports what lies there
    return Child(
        [*prefect, "worker", "start", "--pool", "toolloom"],
        env=settings,
        cwd=folder,
        log=folder / "worker.log",
    )


def state_of(url: str, run_id: str) -> tuple[str, str]:
    state = requests.get(f"{url}/api/flow_runs/{run_id}", timeout=10).json()["state"]
    return state["name"], state["message"] or ""


def finished_scheduled_runs(url: str, deployment: str) -> list[dict[str, Any]]:
    """Runs of the deployment that the schedule started, not a person, and that are over."""
    wanted = {
        "deployments": {"name": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}},
    }
    found: list[dict[str, Any]] = requests.post(f"{url}/api/flow_runs/filter", json=wanted, timeout=10).json()
    return [run for run in found if run["auto_scheduled"]]


def wait_for(what: Callable[[], Any], seconds: float = 300) -> Any:
    """What it returns once that is true; a busy machine may take its time."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"{seconds:.0f} s have not been enough"
        time.sleep(0.25)
    return found
