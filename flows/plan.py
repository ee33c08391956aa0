"""What a refresh would cost, before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flows.estimates import Forecast, last
from flows.opening import config_digest
from flows.params import Config
from tasks.calling.store import RecordingCaller
from tasks.catalogue.opening import sources_digest
from tasks.errors import UsageError
from tasks.llm.abilities import Abilities
from tasks.llm.batching.records import Records, batches_of
from tasks.llm.chat import digest_of
from tasks.llm.known import KnownEndpoints
from tasks.llm.store import ReplyStore
from tasks.planning.estimate import Estimate, StageEstimate
from tasks.planning.known import Known, known_of
from tasks.planning.measured import figures_of
from tasks.planning.plan import Planner, Settings
from tasks.run import calling_identity
from tasks.services import Services
from tasks.transport.kvstore import DurableMap
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput

ASKING = ("probe", "compress", "propose", "select", "annotate")
# A refresh says what it expects without keeping anybody waiting.
LOOKED_AT_BY_A_REFRESH = 200


def plan(config: Config, data: Path) -> Estimate | None:
    """The estimate of a refresh from here; None where no catalogue was crawled.  Asks nobody.

    Raises `UsageError` where the catalogue is one of other sources than the configuration's.
    """
    parent = manifest.latest(data)
    known = _known(data, parent)
    if known is None or parent is None:
        return None
    if not _is_of(parent, config):
        raise UsageError(
            f"the catalogue in {data} was crawled from other sources than [catalogue] sources says, so it "
            "does not tell what a refresh would ask",
            fix="add --crawl, which crawls these and calls their APIs first, or give them a folder of their "
            "own with --data",
        )
    with _stores(data) as (replies, calls):
        abilities = KnownEndpoints(data).find(config.llm) or Abilities()
        planner = _planner(config, data, known, ReplyStore(replies), calls, abilities)
        estimate = asyncio.run(planner.estimate())
    return _with_remarks(estimate, known, config, data)


def forecast(config: Config, services: Services) -> Estimate | None:
    """The same at the start of a refresh, by its own stores; None without a catalogue of its sources."""
    parent = manifest.latest(services.run.data)
    if parent is not None and _has_all(parent, config):
        return _nothing(parent)
    known = _known(services.run.data, parent)
    if known is None or parent is None or not _is_of(parent, config):
        return None
    return _with_remarks(_briefly(config, services, known), known, config, services.run.data)


def forecast_after_catalogue(
    config: Config, services: Services, outputs: Mapping[str, StageOutput]
) -> Estimate | None:
    """Of the stages that are left when the catalogue has been made for the first time."""
    run = services.run
    known = known_of(run.data, run.as_of["crawl"], outputs)
    if known is None:
        return None
    estimate = _briefly(config, services, known)
    left = tuple(stage for stage in estimate.stages if stage.stage not in outputs)
    return estimate.model_copy(update={"stages": left})


def _briefly(config: Config, services: Services, known: Known) -> Estimate:
    abilities = services.endpoint.abilities
    planner = _planner(config, services.run.data, known, services.replies, services.call_map, abilities)
    planner.most = LOOKED_AT_BY_A_REFRESH
    return services.runtime.run(planner.estimate())


def _known(data: Path, parent: Manifest | None) -> Known | None:
    if parent is None:
        return None
    crawled_at = parent.as_of.get("crawl", parent.started_at)
    return known_of(data, crawled_at, parent.stages)


def _is_of(crawled: Manifest, config: Config) -> bool:
    """Whether its catalogue is of the configuration's sources, as far as that was recorded."""
    return crawled.stages["crawl"].sources in {None, sources_digest(config.catalogue)}


def last_forecast(data: Path) -> Forecast | None:
    return last(data) if data.is_dir() else None


def _has_all(parent: Manifest, config: Config) -> bool:
    return parent.status == "complete" and parent.config_digest == config_digest(config)


def _nothing(parent: Manifest) -> Estimate:
    stages = tuple(
        StageEstimate(stage=stage, requests=0, tokens_in=0, tokens_out=0, usd=0.0, hours=0.0)
        for stage in ASKING
    )
    words = (
        f"run {parent.run_id} was complete with the same configuration; what changed in the world is extra"
    )
    return Estimate(stages=stages, assumptions=(words,))


def _planner(
    config: Config,
    data: Path,
    known: Known,
    replies: ReplyStore,
    calls: DurableMap,
    abilities: Abilities,
) -> Planner:
    settings = Settings(
        llm=config.llm,
        probe=config.probe,
        compress=config.compress,
        sample=config.sample,
        instruct=config.instruct,
        annotate=config.annotate,
    )
    identity = digest_of(calling_identity(config.calling, config.catalogue.mcp_servers))
    recorded = RecordingCaller(None, calls, settings=identity)
    return Planner(known, settings, figures_of(data, config.llm.model), replies, recorded, abilities)


def _with_remarks(estimate: Estimate, known: Known, config: Config, data: Path) -> Estimate:
    remarks = [*estimate.assumptions]
    if datetime.now(UTC) - known.crawled_at > config.catalogue.max_age:
        remarks.append(
            "it is older than [catalogue] max_age: the refresh crawls again, and what has changed is extra"
        )
    under_way = sum(len(record.entries) for record in Records(batches_of(data)).all())
    if under_way:
        remarks.append(
            f"{under_way:,} requests are in batches under way: they are counted, and not paid again"
        )
    return estimate.model_copy(update={"assumptions": tuple(remarks)})


@contextmanager
def _stores(data: Path) -> Iterator[tuple[DurableMap, DurableMap]]:
    with ExitStack() as opened:
        yield (
            opened.enter_context(DurableMap(data / "store" / "replies.sqlite")),
            opened.enter_context(DurableMap(data / "store" / "calls.sqlite")),
        )
