"""What a Prefect server holds of runs: artifacts and events."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import requests


def artifacts(api: str, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.post(
        f"{api}/artifacts/filter", json={"artifacts": {"key": {"any_": [key]}}}, timeout=60
    ).json()
    return found


def events(api: str, name: str) -> list[dict[str, Any]]:
    """The payloads of all events of that name; other tests use the same server, and a page has 50."""
    wanted = {"filter": {"event": {"name": [name]}}, "limit": 50}
    page = requests.post(f"{api}/events/filter", json=wanted, timeout=60).json()
    found = list(page["events"])
    while page["next_page"]:
        page = requests.get(page["next_page"], timeout=60).json()
        found += page["events"]
    return [event["payload"] for event in found]


def told_of(api: str, name: str, run_id: str) -> dict[str, Any] | None:
    """The event of that name about the run; the server takes a moment to keep one."""
    return next((event for event in events(api, name) if event["run_id"] == run_id), None)


def flow_runs(api: str, data: Path) -> list[dict[str, Any]]:
    """The newest flow run on the folder, then those that it started.  Other tests use the same server."""
    wanted = {"flows": {"name": {"any_": ["refresh-dataset"]}}, "sort": "START_TIME_DESC"}
    runs = requests.post(f"{api}/flow_runs/filter", json=wanted, timeout=60).json()
    newest = next(run for run in runs if run["parameters"].get("data") == str(data))
    started = {"flow_runs": {"parent_flow_run_id": {"any_": [newest["id"]]}}}
    return [newest, *requests.post(f"{api}/flow_runs/filter", json=started, timeout=60).json()]


def records_of(api: str, kind: str, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the flow runs left.  kind: `task_runs` or `artifacts`."""
    wanted = {"flow_runs": {"id": {"any_": [run["id"] for run in runs]}}}
    found: list[dict[str, Any]] = requests.post(f"{api}/{kind}/filter", json=wanted, timeout=60).json()
    return found


def task_runs(api: str, runs: list[dict[str, Any]], *, last: str) -> list[dict[str, Any]]:
    """Those of the flow runs.  The server records them a moment after they ended: `last` is waited for."""
    deadline = time.monotonic() + 60
    while True:
        found = records_of(api, "task_runs", runs)
        if any(run["name"] == last and run["end_time"] for run in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
