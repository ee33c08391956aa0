"""Registers the refresh as a deployment and executes its runs: `python -m flows.prefect.execute_runs FILE`.

FILE holds a `Deployment` as JSON.  The first line on standard output is JSON as well: the id of the
deployment, or why there is none.  The lines after it are those of the runs, each a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import DeploymentApplyError, RunnerDeployment
from prefect.exceptions import PrefectException
from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.prefect.deployment import Deployment
from flows.prefect.zombie_runs import HEARTBEAT_S, mark_dead_run, watch
from flows.refresh_dataset import refresh_dataset
from tasks.errors import UsageError

SHOWN = 500
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


async def deployment_of(told: Deployment) -> RunnerDeployment:
    """What Prefect is told: when runs start, with which parameters, and never two at once."""
    schedule = told.config.schedule
    crons = [] if schedule.cron is None else [Cron(schedule.cron, timezone=schedule.timezone)]
    return await refresh_dataset.ato_deployment(
        told.name,
        schedules=crons,
        paused=False,
        parameters=told.parameters,
        concurrency_limit=ONE_AT_A_TIME,
        description=f"Brings the data set in `{told.data}` up to date.",
        tags=["toolloom"],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


class _StoppableRunner(Runner):
    """SIGTERM ends it as Ctrl-C does; its own handler for that does not await what it calls."""

    def handle_sigterm(self, *_args: Any, **_kwargs: Any) -> None:
        signal.raise_signal(signal.SIGINT)


async def _execute(told: Deployment) -> None:
    runner = _StoppableRunner(name=f"toolloom-{told.name}", heartbeat_seconds=HEARTBEAT_S)
    deployment_id = await runner.aadd_deployment(await deployment_of(told))
    await watch()
    print(json.dumps({"deployment_id": str(deployment_id)}), flush=True)  # noqa: T201 - see the module
    await runner.start()


def main(file: Path) -> int:
    told = Deployment.model_validate_json(file.read_bytes())
    try:
        mark_dead_run(told.data)
    except UsageError as busy:
        print(busy, file=sys.stderr)  # noqa: T201 - a run by hand is under way: ours are refused meanwhile
    try:
        asyncio.run(_execute(told))
    except KeyboardInterrupt:
        return 0
    except (DeploymentApplyError, PrefectException, httpx.HTTPError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"[:SHOWN]  # the rest is the request, in full
        print(json.dumps({"error": why}), flush=True)  # noqa: T201
        raise
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
