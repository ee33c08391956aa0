"""What a Prefect server holds of runs: artifacts and events."""

from __future__ import annotations

from typing import Any

import requests


def artifacts(api: str, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.post(
        f"{api}/artifacts/filter", json={"artifacts": {"key": {"any_": [key]}}}, timeout=10
    ).json()
    return found


def events(api: str, name: str) -> list[dict[str, Any]]:
    """The payloads of the events of that name, those of a data set called so among them."""
    wanted = {"filter": {"event": {"name": [name]}}, "limit": 50}
    found: list[dict[str, Any]] = requests.post(f"{api}/events/filter", json=wanted, timeout=10).json()[
        "events"
    ]
    return [event["payload"] for event in found]


def told_of(api: str, name: str, run_id: str) -> dict[str, Any] | None:
    """The event of that name about the run; the server takes a moment to keep one."""
    return next((event for event in events(api, name) if event["run_id"] == run_id), None)
