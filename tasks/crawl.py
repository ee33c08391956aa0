"""Crawl: the tools of every source and their APIs.  Keyed on `as_of`, since its upstream is the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefect import task

from tasks.catalogue.fingerprints import as_before
from tasks.catalogue.opening import (
    confined,
    identity_of,
    open_source,
    servers_of_others,
    sources_digest,
    version_of,
)
from tasks.catalogue.params import CatalogueParams, SourceParams
from tasks.catalogue.source import CrawlReason, Listing, ToolEntry, with_distinct_names
from tasks.errors import BrokenContract
from tasks.policies import shard_options, stage_options
from tasks.run import RunContext
from tasks.services import Services, services_of
from tasks.stage import Stage, bucket_count, finish_stage, into_buckets, run_shards, stage_key, write_shard
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import APIS, REJECTS, TOOLS
from warehouse.tables.catalogue import Api

VERSION = 6
STAGE = Stage(
    name="crawl",
    version=VERSION,
    unit="API",
    carries=(APIS,),
    writes=(TOOLS, APIS, REJECTS),
    asks_world=True,
    contents=lambda params: [version_of(source) for source in params.sources],
)
TAKEN_UP = "tool"  # what progress counts: how many APIs there are is known at the end


def _shard_key(
    run: RunContext,
    params: CatalogueParams,
    source: SourceParams,
    entries: tuple[ToolEntry, ...],
    **_: object,
) -> str:
    return stage_key(
        "crawl-shard",
        VERSION,
        run.as_of[STAGE.name].isoformat(),
        identity_of(source),
        sorted(servers_of_others(source, params, run.calling)),
        [entry.model_dump(mode="json") for entry in entries],
    )


@task(name=STAGE.name, task_run_name=STAGE.name, tags=[STAGE.name], **stage_options(STAGE.key))
def crawl(run: RunContext, params: CatalogueParams, before: StageOutput | None = None) -> StageOutput:
    """Lists every source, then reads its tools shard by shard.

    before: the stage's output in the run before; an API of it stays while only its example values differ.
    """
    services = services_of(run)
    listings = _list_sources(run, params)
    buckets = [
        (source, tuple(entries))
        for source, listing in zip(params.sources, listings, strict=True)
        for entries in _buckets(run, params, listing)
    ]
    apis = () if before is None else before.tables[APIS.name]
    shards = [
        {"run": run, "params": params, "source": source, "entries": entries, "before": apis, "shard": shard}
        for shard, (source, entries) in enumerate(buckets)
    ]
    sizes = [len(entries) for _, entries in buckets]
    progress = services.progress(STAGE.name)
    progress.expect(sum(sizes), TAKEN_UP)
    outputs = run_shards(crawl_shard, services.store, shards, progress, sizes=sizes)
    rejected = _listing_rejects(run, listings)
    finished = finish_stage(STAGE, services.store, [*outputs, *rejected], n_shard_tasks=len(outputs))
    services.reading.finish()
    return finished.model_copy(update={"sources": sources_digest(params)})


def _list_sources(run: RunContext, params: CatalogueParams) -> list[Listing]:
    listings = []
    for source in params.sources:
        with open_source(source, params, run.calling, services_of(run).reading) as opened:
            listings.append(opened.listing())
    return with_distinct_names(listings)


def _buckets(run: RunContext, params: CatalogueParams, listing: Listing) -> Sequence[Sequence[ToolEntry]]:
    before = run.shard_counts.get(STAGE.name) if len(params.sources) == 1 else None
    buckets = bucket_count(len(listing.entries), params.tools_per_shard, before)
    return into_buckets(listing.entries, lambda entry: entry.tool_id, buckets)


def _listing_rejects(run: RunContext, listings: Sequence[Listing]) -> list[ShardOutput]:
    rejects = [rejected.row for listing in listings for rejected in listing.rejects]
    if not rejects:
        return []
    counts = Counts(unit=STAGE.unit, n_in=len(rejects), n_out=0, n_rejected=len(rejects))
    return [write_shard(services_of(run).store, {TOOLS: [], APIS: [], REJECTS: rejects}, counts)]


@task(
    name="crawl shard",
    task_run_name="crawl {source.kind} {shard}",
    tags=[STAGE.name],
    **shard_options(_shard_key),
)
def crawl_shard(
    run: RunContext,
    params: CatalogueParams,
    source: SourceParams,
    entries: tuple[ToolEntry, ...],
    before: tuple[TableRef, ...],
    shard: int,
) -> ShardOutput:
    services = services_of(run)
    counted = services.progress(STAGE.name).shard(shard)
    counted.take_up(len(entries))
    with open_source(source, params, run.calling, services.reading) as opened:
        fetched = opened.fetch(entries)
    earlier = _earlier(services, before)
    others = servers_of_others(source, params, run.calling)
    crawled = [as_before(confined(found, others), earlier) for found in fetched]
    tools = [found.tool for found in crawled if found.tool is not None]
    apis = [api for found in crawled for api in found.apis]
    rejects = [reject for found in crawled for reject in (*found.rejects, *found.lost)]
    counted.finish(len(entries), rejected=len(rejects))
    lost = sum(reject.reason != CrawlReason.PARTLY_READ for reject in rejects)
    counts = Counts(unit=STAGE.unit, n_in=len(apis) + lost, n_out=len(apis), n_rejected=lost)
    return write_shard(services.store, {TOOLS: tools, APIS: apis, REJECTS: rejects}, counts)


def _earlier(services: Services, before: tuple[TableRef, ...]) -> Mapping[str, Api]:
    """What there is of them: a file that is gone or of another version is no loss, all are as crawled."""
    try:
        return {api.api_id: api for api in services.rows(APIS, before)}
    except BrokenContract:
        return {}
