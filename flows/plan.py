"""What a refresh would cost, before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flows.build_dataset import budgets_for, cached_stages
from flows.estimates import Forecast, last
from flows.evaluate_annotations import annotated_run, require_answers, to_judge
from flows.open_run import REFRESH, config_digest, next_refresh
from flows.params import Config
from tasks.catalogue.opening import are_sources_of
from tasks.compress import STAGE as COMPRESS
from tasks.errors import BrokenContract, UsageError
from tasks.frame.calls import recording_caller
from tasks.frame.run import JUDGING, RunContext
from tasks.frame.services import Services
from tasks.keep_searches import stages_of
from tasks.llm.batching.batches import Records, batches_of
from tasks.llm.chat import ReplyStore
from tasks.planning.estimate import Estimate, StageEstimate, figures_of
from tasks.planning.known import Known, known_of, known_without
from tasks.planning.plan import Planner, Settings
from tasks.transport.kvstore import DurableMap
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store

ASKING = ("probe", "compress", "propose", "select", "annotate")
# A refresh says what it expects without keeping anybody waiting.
LOOKED_AT_BY_A_REFRESH = 200


def plan(config: Config, data: Path) -> Estimate | None:
    """The estimate of a refresh from here; None where no catalogue was crawled.  Asks nobody.

    What a refresh that was interrupted has finished counts as finished.  Raises `UsageError` where the
    catalogue is one of other sources than the configuration's.
    """
    config.require_model()
    if not data.is_dir():
        return None
    run = next_refresh(config, data)
    known = _known(run, config)
    if known is None:
        return None
    if not _is_of(known, config):
        raise UsageError(
            f"the catalogue in {data} was crawled from other sources than [catalogue] sources says, so it "
            "does not tell what a refresh would ask",
            fix="add --crawl, which crawls these and calls their APIs first, or give them a folder of their "
            "own with --data",
        )
    with _stores(data) as (replies, calls):
        planner = _planner(config, run, known, ReplyStore(replies), calls)
        estimate = asyncio.run(planner.estimate())
    return _with_remarks(estimate, known, config, data)


def plan_evaluation(config: Config, data: Path) -> Estimate:
    """The estimate of `toolloom evaluate` from here.  Asks nobody.

    Raises `UsageError` without answers, or without those to compare with.
    """
    if config.judge == config.llm:
        config.require_model()
    stages = to_judge(annotated_run(data).stages)
    require_answers(Store(data), stages, config.evaluate.against)
    run = next_refresh(config, data)
    known = known_without(data, run.started_at, stages)
    with _stores(data) as (replies, calls):
        return asyncio.run(_planner(config, run, known, ReplyStore(replies), calls).judging())


def forecast(config: Config, services: Services) -> Estimate | None:
    """The same at the start of a refresh, by its own stores; None without a catalogue of its sources.

    Or with one that cannot be read: the refresh makes anew what is damaged, and then knows.
    """
    run = services.run
    parent = manifest.latest(run.data)
    if parent is not None and _has_all(parent, config):
        return _nothing(parent, config)
    try:
        known = _known(run, config)
        if known is None or not _is_of(known, config):
            return None
        return _with_remarks(_briefly(config, services, known), known, config, run.data)
    except BrokenContract:
        return None


def forecast_after_catalogue(
    config: Config, services: Services, outputs: Mapping[str, StageOutput]
) -> Estimate | None:
    """Of the stages that are left when the catalogue has been made for the first time."""
    run = services.run
    known = known_of(run.data, run.as_of["crawl"], outputs, answers=config.evaluate.in_refresh)
    if known is None:
        return None
    estimate = _briefly(config, services, known)
    left = tuple(stage for stage in estimate.stages if stage.stage not in outputs)
    return estimate.model_copy(update={"stages": left})


def _briefly(config: Config, services: Services, known: Known) -> Estimate:
    run = services.run.model_copy(
        update={
            "capabilities": services.model.writer.endpoint.capabilities,
            "judge_capabilities": services.model.judge.endpoint.capabilities,
        }
    )
    planner = _planner(config, run, known, services.model.replies, services.calls.call_map)
    planner.most = LOOKED_AT_BY_A_REFRESH
    return services.runtime.run(planner.estimate())


def _known(run: RunContext, config: Config) -> Known | None:
    """Of what the last run stands on, and in its place what the refresh will find finished."""
    parent, found = manifest.latest(run.data), cached_stages(run, config)
    stages, judged = {**stages_of(parent), **found}, config.evaluate.in_refresh
    if parent is None or "crawl" in found:
        return known_of(run.data, run.as_of["crawl"], stages, answers=judged)
    return known_of(run.data, parent.as_of.get("crawl", parent.started_at), stages, answers=judged)


def _is_of(known: Known, config: Config) -> bool:
    """Whether the catalogue is of the configuration's sources, as far as that was recorded."""
    return are_sources_of(known.sources, config.catalogue)


def last_forecast(data: Path) -> Forecast | None:
    return last(data) if data.is_dir() else None


def _has_all(parent: Manifest, config: Config) -> bool:
    as_this = (parent.kind, parent.status, parent.config_digest)
    return as_this == (REFRESH, "complete", config_digest(config))


def _nothing(parent: Manifest, config: Config) -> Estimate:
    judging = ("evaluate", *(["prefer"] if config.evaluate.against else []))
    stages = tuple(
        StageEstimate(stage=stage, requests=0, tokens_in=0, tokens_out=0, usd=0.0, hours=0.0)
        for stage in (*ASKING, *(judging if config.evaluate.in_refresh else ()))
    )
    words = (
        f"run {parent.run_id} was complete with the same configuration; what changed in the world is extra"
    )
    return Estimate(stages=stages, assumptions=(words,))


def _planner(
    config: Config, run: RunContext, known: Known, replies: ReplyStore, calls: DurableMap
) -> Planner:
    settings = Settings(
        llm=config.llm,
        probe=config.probe,
        compress=config.compress,
        sample=config.sample,
        instruct=config.instruct,
        annotate=config.annotate,
        evaluate=config.evaluate,
        documents=COMPRESS.settings_key(run, config.compress),
        held_out=config.export.held_out,
        budgets=budgets_for(run, config.annotate),
    )
    recorded, figures = recording_caller(run, calls), figures_of(run.data, config.llm.model)
    if config.judge != config.llm:
        of_judge = figures_of(run.data, config.judge.model)
        figures |= {stage: of_judge[stage] for stage in JUDGING & of_judge.keys()}
    judge = run.capabilities if config.judge == config.llm else run.judge_capabilities
    return Planner(known, settings, figures, replies, recorded, run.capabilities, judge)


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
