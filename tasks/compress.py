"""Compress: the documentation of every kept API, within the token budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.documents.params import CompressParams
from tasks.documents.shorten import Compressor
from tasks.errors import BrokenContract
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import APIS, DOCUMENTS, LLM_CALLS, REJECTS, TOOLS, VERDICTS
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.probing import Verdict

VERSION = 3


def split(
    services: Services,
    params: CompressParams,
    crawled: StageOutput,
    probed: StageOutput,
    before: StageOutput | None = None,
) -> Split:
    """Shards are those of the crawl.

    before: the stage's output in the run before; a document of it stays while only values differ.
    """
    tables = crawled.shards[TOOLS.name], crawled.shards[APIS.name], probed.shards[VERDICTS.name]
    earlier = () if before is None else before.tables[DOCUMENTS.name]
    key_of, settings = STAGE.shard_keys(services.run, params), STAGE.settings_key(services.run, params)
    return Split(
        [
            Shard(
                key_of([ref.content_digest for ref in (tools, apis, verdicts)]),
                {
                    "tools": tools,
                    "apis": apis,
                    "verdicts": verdicts,
                    "before": earlier,
                    "settings": settings,
                },
            )
            for tools, apis, verdicts in zip(*tables, strict=True)
        ],
        total=probed.counts.n_out,
    )


@dataclass(frozen=True)
class _Kept:
    """An API that is documented.  before: its document in the run before."""

    tool: Tool
    api: Api
    verdict: Verdict
    before: Document | None


def work(
    services: Services,
    params: CompressParams,
    shard: int,
    tools: TableRef,
    apis: TableRef,
    verdicts: TableRef,
    before: tuple[TableRef, ...],
    settings: str,
) -> ShardOutput:
    kept = _kept(services, tools, apis, verdicts, _earlier(services, before))
    compressor = Compressor(services.model.of(STAGE.name), params, settings=settings)

    async def compress_one(row: _Kept) -> Document:
        return await compressor.document(row.tool, row.api, row.verdict, row.before)

    mapped = services.map(STAGE.name, shard, compress_one, kept)
    documents = [document for _, document in mapped.done]
    counts = Counts(
        unit=STAGE.unit, n_in=len(kept), n_out=len(documents), n_rejected=0, n_pending=len(mapped.pending)
    )
    calls = services.model.usage.take(STAGE.name, (row.api.api_id for row in kept))
    tables: TableRows = {DOCUMENTS: documents, REJECTS: [], LLM_CALLS: calls}
    return write_shard(services.store, tables, counts, mapped.stop)


def _kept(
    services: Services,
    tools: TableRef,
    apis: TableRef,
    verdicts: TableRef,
    earlier: Mapping[str, Document],
) -> list[_Kept]:
    tool_of = {tool.tool_id: tool for tool in services.store.read(TOOLS, [tools])}
    api_of = {api.api_id: api for api in services.store.read(APIS, [apis])}
    return [
        _Kept(
            tool=tool_of[api_of[verdict.api_id].tool_id],
            api=api_of[verdict.api_id],
            verdict=verdict,
            before=earlier.get(verdict.api_id),
        )
        for verdict in services.store.read(VERDICTS, [verdicts])
        if verdict.kept
    ]


def _earlier(services: Services, before: tuple[TableRef, ...]) -> Mapping[str, Document]:
    """What there is of them: a file that is gone or of another version is no loss, they are made anew."""
    try:
        return {document.api_id: document for document in services.rows(DOCUMENTS, before)}
    except BrokenContract:
        return {}


STAGE = Stage(
    name="compress",
    version=VERSION,
    unit="API",
    section="compress",
    reads={"crawl": (TOOLS, APIS), "probe": (VERDICTS,)},
    reads_before=(DOCUMENTS,),
    writes=(DOCUMENTS, REJECTS, LLM_CALLS),
    prompts=("compress",),
    uses_seeds=True,
    asks_model=True,
    split=split,
    work=work,
)
