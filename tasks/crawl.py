"""Crawl: the tools of every source and their APIs.  Keyed on `as_of`, since its upstream is the world."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.catalogue.normalise import as_before
from tasks.catalogue.opening import (
    confined,
    identity_of,
    open_source,
    servers_of_others,
    sources_digest,
    version_of,
)
from tasks.catalogue.params import CatalogueParams, SourceParams
from tasks.catalogue.source import CrawlReason, ToolEntry, with_distinct_names
from tasks.errors import BrokenContract
from tasks.frame.running import write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage, bucket_count, into_buckets, stage_key
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import APIS, REJECTS, TOOLS
from warehouse.tables.catalogue import Api

VERSION = 7
TAKEN_UP = "tool"  # what progress counts: how many APIs there are is known at the end


def split(services: Services, params: CatalogueParams, before: StageOutput | None = None) -> Split:
    """Lists every source; shards are buckets of the tools of one.

    before: the stage's output in the run before; an API of it stays while only its example values differ.
    """
    run = services.run
    listings = []
    for source in params.sources:
        with open_source(source, params, run.calling, services.reading) as opened:
            listings.append(opened.listing())
    listings = with_distinct_names(listings)
    count_before = run.shard_counts.get(STAGE.name) if len(params.sources) == 1 else None
    shards = []
    for source, listing in zip(params.sources, listings, strict=True):
        others = sorted(servers_of_others(source, params, run.calling))
        n_buckets = bucket_count(len(listing.entries), params.tools_per_shard, count_before)
        for entries in into_buckets(listing.entries, lambda entry: entry.tool_id, n_buckets):
            shown = [entry.model_dump(mode="json") for entry in entries]
            as_of = run.as_of[STAGE.name].isoformat()
            key = stage_key("crawl-shard", VERSION, as_of, identity_of(source), others, shown)
            earlier = () if before is None else before.tables[APIS.name]
            inputs = {"source": source, "entries": tuple(entries), "before": earlier}
            shards.append(Shard(key, inputs, size=len(entries)))
    rejects = [rejected.row for listing in listings for rejected in listing.rejects]
    return Split(shards, sum(len(listing.entries) for listing in listings), TAKEN_UP, rejects)


def work(
    services: Services,
    params: CatalogueParams,
    shard: int,
    source: SourceParams,
    entries: tuple[ToolEntry, ...],
    before: tuple[TableRef, ...],
) -> ShardOutput:
    counted = services.progress(STAGE.name).shard(shard)
    counted.take_up(len(entries))
    calling = services.run.calling
    with open_source(source, params, calling, services.reading) as opened:
        fetched = opened.fetch(entries)
    earlier = _earlier(services, before)
    others = servers_of_others(source, params, calling)
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


def finish(services: Services, params: CatalogueParams, crawled: StageOutput) -> StageOutput:
    services.reading.finish()
    return crawled.model_copy(update={"sources": sources_digest(params)})


STAGE = Stage(
    name="crawl",
    version=VERSION,
    unit="API",
    section="catalogue",
    reads_before=(APIS,),
    writes=(TOOLS, APIS, REJECTS),
    asks_world=True,
    contents=lambda params: [version_of(source) for source in params.sources],
    split=split,
    work=work,
    finish=finish,
)
