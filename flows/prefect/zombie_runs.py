"""Runs that Prefect takes for running, and whose process is gone.

Whoever comes next on the data folder says so in Prefect, and goes on from them; where the whole machine went,
an automation (FILE) marks them Crashed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Crashed

from flows.report import say
from warehouse.lock import Holder, folder_lock, require_free

HEARTBEAT_S = 30  # the shortest that Prefect has; `within` of the automation is a multiple of it
FILE = Path(__file__).with_suffix(".yaml")


@contextmanager
def sole_run(data: Path, command: str) -> Iterator[None]:
    """The data folder for this flow run alone.  Raises `UsageError` while another works on it."""
    with folder_lock(data, command, job=flow_run.get_id()) as dead:
        if dead is not None:
            say(f"a run before this one died ({dead}); this one goes on from what it finished")
            mark_crashed(dead)
        yield


def mark_dead_run(data: Path) -> None:
    """Marks the run that held the folder when it died, if one did."""
    dead = require_free(data)
    if dead is not None:
        mark_crashed(dead)


def mark_crashed(dead: Holder) -> None:
    """The dead run and its subflows, where Prefect still takes them for running."""
    if dead.job is None:
        return
    message = f"The process of this run is gone ({dead}); the next run goes on from what it finished."
    with get_client(sync_client=True) as client:
        for run in _with_subflows(client, UUID(dead.job)):
            if run.state is not None and not run.state.is_final():
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)


def _with_subflows(client: SyncPrefectClient, run_id: UUID) -> list[FlowRun]:
    """None when the server of this run does not know it: it reported to another one."""
    try:
        run = client.read_flow_run(run_id)
    except ObjectNotFound:
        return []
    parent = FlowRunFilterParentFlowRunId(any_=[run_id])
    return [*client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent)), run]


async def watch() -> None:
    """Registers the automation of FILE, or brings it up to date."""
    automation = AutomationCore.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    async with get_client() as client:
        registered = await client.read_automations_by_name(automation.name)
        if registered:
            await client.update_automation(registered[0].id, automation)
        else:
            await client.create_automation(automation)
