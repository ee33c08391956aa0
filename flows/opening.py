"""Opening a run: which run it continues, how old its view of the world may be, what every stage shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.params import Config
from tasks.llm.chat import digest_of
from tasks.run import RunContext
from tasks.services import close_services, services_of
from warehouse import manifest
from warehouse.manifest import Manifest, PendingRun


@contextmanager
def open_run(config: Config, data: Path) -> Iterator[RunContext]:
    """The run: resumed when the one before it died, new otherwise.  Its services close behind it."""
    parent = manifest.latest(data)
    _forget_stale(config, data)
    pending = manifest.begin(data, _new_run(config, parent))
    run = RunContext(
        data=data,
        run_id=pending.run_id,
        started_at=pending.started_at,
        as_of=pending.as_of,
        shard_counts=_shard_counts(parent),
        calling=config.calling,
        llm=config.llm,
        budget=config.budget,
    )
    try:
        services = services_of(run)
        services.runtime.run(services.endpoint.check())
        yield run
    finally:
        close_services()


def _forget_stale(config: Config, data: Path) -> None:
    """A run that died so long ago that its view of the world is too old is not resumed."""
    crashed = manifest.crashed_run(data)
    max_age = min(config.catalogue.max_age, config.probe.max_age)
    if crashed is not None and datetime.now(UTC) - crashed.started_at > max_age:
        manifest.finish(data)


def config_digest(config: Config) -> str:
    return digest_of(config.content())


def _new_run(config: Config, parent: Manifest | None) -> PendingRun:
    now = datetime.now(UTC)
    return PendingRun(
        run_id=now.strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z",
        started_at=now,
        config_digest=config_digest(config),
        as_of={
            "crawl": _as_of("crawl", parent, now, config.catalogue.max_age),
            "probe": _as_of("probe", parent, now, config.probe.max_age),
        },
    )


def _as_of(stage: str, parent: Manifest | None, now: datetime, max_age: timedelta) -> datetime:
    """The parent's time while that is young enough, so that its rows are carried over; else now."""
    before = None if parent is None else parent.as_of.get(stage)
    return before if before is not None and now - before <= max_age else now


def _shard_counts(parent: Manifest | None) -> dict[str, int]:
    if parent is None:
        return {}
    return {stage: output.n_shard_tasks for stage, output in parent.stages.items() if output.n_shard_tasks}
