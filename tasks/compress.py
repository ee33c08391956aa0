"""Compress: the documentation of every kept API, within the token budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prefect import task

from tasks.documents.params import CompressParams
from tasks.documents.shorten import Compressor
from tasks.errors import BrokenContract
from tasks.policies import shard_options, stage_options
from tasks.run import RunContext
from tasks.services import Services, services_of
from tasks.stage import Stage, TableRows, finish_stage, run_shards, write_shard
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import APIS, DOCUMENTS, LLM_CALLS, REJECTS, TOOLS, VERDICTS
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.probing import Verdict

VERSION = 3
STAGE = Stage(
    name="compress",
    version=VERSION,
    unit="API",
    reads={"crawl": (TOOLS, APIS), "probe": (VERDICTS,)},
    carries=(DOCUMENTS,),
    writes=(DOCUMENTS, REJECTS, LLM_CALLS),
    prompts=("compress",),
    uses_seeds=True,
    asks_model=True,
)


def _shard_key(
    run: RunContext,
    params: CompressParams,
    tools: TableRef,
    apis: TableRef,
    verdicts: TableRef,
    **_: object,
) -> str:
    inputs = [tools.content_digest, apis.content_digest, verdicts.content_digest]
    return STAGE.shard_key(run, params, inputs)


@task(name=STAGE.name, task_run_name=STAGE.name, tags=[STAGE.name], **stage_options(STAGE.key))
def compress(
    run: RunContext,
    params: CompressParams,
    crawled: StageOutput,
    probed: StageOutput,
    before: StageOutput | None = None,
) -> StageOutput:
    """before: the stage's output in the run before; a document of it stays while only values differ."""
    services = services_of(run)
    progress = services.progress(STAGE.name)
    progress.expect(probed.counts.n_out, STAGE.unit)
    documents = () if before is None else before.tables[DOCUMENTS.name]
    shards = [
        {
            "run": run,
            "params": params,
            "tools": tools,
            "apis": apis,
            "verdicts": verdicts,
            "before": documents,
            "shard": shard,
        }
        for shard, (tools, apis, verdicts) in enumerate(
            zip(
                crawled.shards[TOOLS.name],
                crawled.shards[APIS.name],
                probed.shards[VERDICTS.name],
                strict=True,
            )
        )
    ]
    outputs = run_shards(compress_shard, services.store, shards, progress)
    return finish_stage(STAGE, services.store, outputs, n_shard_tasks=len(outputs))


@dataclass(frozen=True)
class _Kept:
    """An API that is documented.  before: its document in the run before."""

    tool: Tool
    api: Api
    verdict: Verdict
    before: Document | None


@task(name="compress shard", task_run_name="compress {shard}", tags=[STAGE.name], **shard_options(_shard_key))
def compress_shard(
    run: RunContext,
    params: CompressParams,
    tools: TableRef,
    apis: TableRef,
    verdicts: TableRef,
    before: tuple[TableRef, ...],
    shard: int,
) -> ShardOutput:
    services = services_of(run)
    kept = _kept(services, tools, apis, verdicts, _earlier(services, before))
    compressor = Compressor(services.model(STAGE.name), params, settings=STAGE.settings_key(run, params))

    async def compress_one(row: _Kept) -> Document:
        return await compressor.document(row.tool, row.api, row.verdict, row.before)

    mapped = services.map(STAGE.name, shard, compress_one, kept)
    documents = [document for _, document in mapped.done]
    counts = Counts(
        unit=STAGE.unit, n_in=len(kept), n_out=len(documents), n_rejected=0, n_pending=len(mapped.pending)
    )
    calls = services.usage.take(STAGE.name, (row.api.api_id for row in kept))
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
