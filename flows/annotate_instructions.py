"""Searching instructions beside a refresh: by another method, or those of query files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from prefect import flow
from pydantic import BaseModel, ConfigDict

from flows import DEFAULT_DATA
from flows.build_dataset import budgets_for
from flows.configure import came_with_queries
from flows.offering import offers_for
from flows.outcome import Annotated, Found, StageRun, Unusable
from flows.params import Config, Undescribed
from flows.run import OpenRun, run_in
from flows.stages import StageSequence, shard_runner
from tasks.annotate import STAGE as SEARCH
from tasks.catalogue.params import CatalogueParams, ToolbenchParams
from tasks.commit import ANNOTATE, Status
from tasks.crawl import STAGE as CRAWL
from tasks.errors import UsageError
from tasks.frame.running import usable
from tasks.keep_searches import merged_searches, stages_of
from tasks.load_queries import STAGE as LOAD_QUERIES
from tasks.load_queries import QueryFiles
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import ANNOTATIONS, APIS, REJECTS


class Asked(BaseModel):
    """What is to be searched.  queries: a file or folder of ToolBench's queries, None: the instructions there
    are.  replay: APIs answer what was recorded.
    """

    model_config = ConfigDict(frozen=True)

    queries: Path | None = None
    replay: bool = False


ALL = Asked()


@flow(name="annotate-instructions", flow_run_name="annotate-{config.name}", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def annotate_instructions(
    config: Undescribed[Config], data: Path = DEFAULT_DATA, asked: Undescribed[Asked] = ALL
) -> Annotated:
    """Searches, and commits a run of kind `annotate`: the snapshot shown, with these searches beside."""
    variant = f"{config.annotate.method} {config.annotate.offer or ''} {asked.model_dump_json()}"
    with run_in(
        data,
        config,
        ANNOTATE,
        variant=variant,
        base=lambda folder: base_of(folder, asked),
        asks_model=not asked.replay,
        replay=asked.replay,
    ) as run:
        stage_runs = _run_stages(run, asked)
        outputs = {ran.stage: ran.output for ran in stage_runs if ran.output is not None}
        searched, loaded = outputs.get(ANNOTATE), outputs.get(LOAD_QUERIES.name)
        earlier = stages_of(run.base) if _same_catalogue(run.base, outputs) else {}
        written = {stage: output for stage, output in outputs.items() if stage == "crawl"}
        return run.commit(
            Annotated,
            stage_runs,
            written | merged_searches(run.store, earlier, loaded, searched),
            _status(run.base, stage_runs),
            parent=None if run.base is None else run.base.run_id,
            found=None if searched is None else _found(run.store, searched),
            unusable=() if loaded is None else _unusable(run.store, loaded),
        )


def base_of(data: Path, asked: Asked) -> Manifest | None:
    """The snapshot to search in; None where there is none and the queries bring their catalogue along.

    Raises `UsageError`.
    """
    shown = manifest.newest(data)
    if shown is None and asked.queries is None:
        raise UsageError(
            f"{data} holds no instructions",
            fix="run `toolloom refresh`, give queries with --queries, or name another folder with --data",
        )
    if shown is None:
        return None
    needed = {"crawl", "compress"} if asked.queries else {"crawl", "compress", "select"}
    missing = needed - shown.stages.keys()
    if missing and not came_with_queries(shown):
        raise UsageError(
            f"run {shown.run_id} ended before {', '.join(sorted(missing))}",
            fix="run `toolloom refresh` to its end first",
        )
    stages = [output for stage, output in shown.stages.items() if stage in {*needed, LOAD_QUERIES.name}]
    if not all(usable(Store(data), stage) for stage in stages):
        raise UsageError(
            f"files of run {shown.run_id} are gone or damaged",
            fix="run `toolloom refresh`, which makes them anew",
        )
    return shown


def _run_stages(run: OpenRun, asked: Asked) -> list[StageRun]:
    before, config = stages_of(run.base), run.config
    with StageSequence(run.context, config, outputs=before) as sequence:
        if asked.queries is not None:
            if "probe" not in before:
                sequence.stage(CRAWL, _catalogue_in(config.catalogue, asked.queries))
            bare = config.annotate.retrieved is not None
            sequence.stage(LOAD_QUERIES, QueryFiles(place=asked.queries, bare=bare))
        if asked.queries is not None or "select" not in before:
            sequence.outputs["select"] = sequence.outputs[LOAD_QUERIES.name]
        offers = offers_for(run.context, config, sequence.outputs)
        budgets = budgets_for(run.context, config.annotate, offers)
        held_out = config.export.held_out if config.annotate.levels else None
        sequence.stage(SEARCH, budgets=budgets, offers=offers, held_out=held_out)
    return sequence.done


def _catalogue_in(params: CatalogueParams, queries: Path) -> CatalogueParams:
    source = ToolbenchParams(kind="toolbench", location=queries)
    return params.model_copy(update={"sources": (source,)})


def _same_catalogue(base: Manifest | None, outputs: Mapping[str, StageOutput]) -> bool:
    """Whether searches made before are over the APIs that there are now."""
    crawled = outputs.get("crawl")
    if crawled is None or base is None:
        return crawled is None
    return base.stages["crawl"].digests(APIS.name) == crawled.digests(APIS.name)


def _status(base: Manifest | None, stage_runs: list[StageRun]) -> Status:
    finished = stage_runs[-1].stage == ANNOTATE and stage_runs[-1].complete
    stands = base is None or came_with_queries(base) or base.status == "complete"
    return "complete" if finished and stands else "partial"


def _found(store: Store, searched: StageOutput) -> Found:
    ends = Counter(store.select(searched.tables[ANNOTATIONS.name], "finish_type"))
    return Found(n_searches=sum(ends.values()), n_won=ends[("give_answer",)], n_gave_up=ends[("give_up",)])


def _unusable(store: Store, loaded: StageOutput) -> tuple[Unusable, ...]:
    rejects = store.read(REJECTS, loaded.tables[REJECTS.name])
    return tuple(
        Unusable(place=reject.row_id, reason=reject.reason, detail=reject.detail) for reject in rejects
    )
