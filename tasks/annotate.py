"""Annotate: a search for a solution path to every instruction, against the live APIs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from tasks.exporting.searches import level_of_instruction
from tasks.frame.running import TableRows, stop_notice, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage, bucket_count, into_buckets
from tasks.llm.embeddings import STAGE as EMBED
from tasks.search.annotate import (
    OFFER,
    Budgets,
    Offers,
    annotate_instruction,
    annotation_id_of,
    choose_instructions,
    content_digest,
)
from tasks.search.params import AnnotateParams
from warehouse.gather import Gatherer
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import (
    ANNOTATIONS,
    APIS,
    CALLS,
    DOCUMENTS,
    INSTRUCTIONS,
    LLM_CALLS,
    NODES,
    REJECTS,
    TOOLS,
)
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction

VERSION = 6

# One thread: what many threads allocate to write Parquet, none of them gives back.
_WRITER = ThreadPoolExecutor(1, thread_name_prefix="toolloom-writer")


def split(
    services: Services,
    params: AnnotateParams,
    crawled: StageOutput,
    compressed: StageOutput | None,
    selected: StageOutput,
    budgets: Budgets | None = None,
    offers: Offers | None = None,
    held_out: float | None = None,
) -> Split:
    """Shards are buckets of the instructions; a shard's key covers only the APIs they offer.

    compressed: None when nothing was; the catalogue's own words are shown then.  budgets: of react@budget.
    offers: what is offered in the place of the APIs that instructions name.  held_out: the share of the
    training split's instructions that is of level test_instruction; given where levels are named.
    """
    run = services.run
    instructions = services.store.read(INSTRUCTIONS, selected.tables[INSTRUCTIONS.name])
    level_of = partial(level_of_instruction, held_out=held_out or 0.0)
    wanted, rejects = choose_instructions(instructions, params, budgets or {}, offers, level_of)
    shown = () if compressed is None else compressed.tables[DOCUMENTS.name]
    documents: Mapping[str, Document] = {row.api_id: row for row in services.rows(DOCUMENTS, shown)}
    tools: Mapping[str, Tool] = {row.tool_id: row for row in services.rows(TOOLS, crawled.tables[TOOLS.name])}
    apis: Sequence[Api] = services.rows(APIS, crawled.tables[APIS.name])
    if offers is not None:
        prints = {row.api_id: row.fingerprint for row in apis}
        wanted = [
            replace(row, api_ids=own, api_fingerprints=tuple(prints[each] for each in own))
            for row, own in ((row, offers.api_ids[row.instruction_id]) for row in wanted)
        ]
    offer = OFFER if offers is None else offers.name
    tool_of = {row.api_id: tools[row.tool_id] for row in apis if row.tool_id in tools}
    buckets = bucket_count(len(wanted), params.instructions_per_shard, run.shard_counts.get(STAGE.name))
    key_of = STAGE.shard_keys(run, params)

    def digests_of(bucket: Sequence[Instruction]) -> object:
        content = content_digest(bucket, documents, tool_of, budgets or {})
        return content if offers is None else [content, offers.name]

    return Split(
        [
            Shard(
                key_of(digests_of(bucket)),
                {
                    "instructions": services.store.write_shard(INSTRUCTIONS, bucket),
                    "documents": shown,
                    "apis": crawled.tables[APIS.name],
                    "tools": crawled.tables[TOOLS.name],
                    "budgets": budgets,
                    "offer": offer,
                },
            )
            for bucket in into_buckets(wanted, lambda row: row.instruction_id, buckets)
        ],
        total=len(wanted),
        rejects=rejects,
    )


def work(
    services: Services,
    params: AnnotateParams,
    shard: int,
    instructions: TableRef,
    documents: tuple[TableRef, ...],
    apis: tuple[TableRef, ...],
    tools: tuple[TableRef, ...],
    budgets: Budgets | None,
    offer: str,
) -> ShardOutput:
    """offer: who chose the APIs that the instructions offer here.

    A search goes to the disk when it is finished, so that the memory of a shard is that of a few."""
    run = services.run
    rows = services.store.read(INSTRUCTIONS, [instructions])
    document_of: Mapping[str, Document] = {row.api_id: row for row in services.rows(DOCUMENTS, documents)}
    api_of: Mapping[str, Api] = {row.api_id: row for row in services.rows(APIS, apis)}
    tool_of: Mapping[str, Tool] = {row.tool_id: row for row in services.rows(TOOLS, tools)}
    model = services.model.of(STAGE.name)

    with Gatherer(services.store, (ANNOTATIONS, NODES, CALLS), _WRITER) as gathered:

        async def annotate_one(instruction: Instruction) -> None:
            offered = [api_of[api_id] for api_id in instruction.api_ids]
            found = await annotate_instruction(
                instruction,
                offered,
                document_of,
                model=model,
                caller=services.calls.searching,
                params=params,
                tools={api.tool_id: tool_of[api.tool_id] for api in offered if api.api_id not in document_of},
                offer=offer,
                budget=None if budgets is None else budgets.get(instruction.instruction_id),
                cost_usd=run.llm.cost_usd,
                capabilities=run.capabilities,
            )
            tree: TableRows = {ANNOTATIONS: [found.annotation], NODES: found.nodes, CALLS: found.calls}
            behind = gathered.add(tree)
            if behind is not None:
                await asyncio.wrap_future(behind)

        mapped = services.map(STAGE.name, shard, annotate_one, rows, at_once=params.concurrency)
        trees = gathered.finish()
    made_by = {"method": params.method, "rules": params.rules, "model": model.name, "offer": offer}
    ids = (annotation_id_of(row.instruction_id, **made_by) for row in rows)
    usage = services.model.usage
    calls = [*usage.take(STAGE.name, ids), *usage.take_all(EMBED)]  # vectors of queries, for the offer
    accounts: TableRows = {REJECTS: [], LLM_CALLS: calls}
    counts = Counts(
        unit=STAGE.unit, n_in=len(rows), n_out=len(mapped.done), n_rejected=0, n_pending=len(mapped.pending)
    )
    written = write_shard(services.store, accounts, counts)
    return ShardOutput(
        tables=(*trees, *written.tables),
        counts=counts,
        stop=None if mapped.stop is None else stop_notice(mapped.stop),
    )


STAGE = Stage(
    name="annotate",
    version=VERSION,
    unit="instruction",
    section="annotate",
    reads={"crawl": (TOOLS, APIS), "compress": (DOCUMENTS,), "select": (INSTRUCTIONS,)},
    writes=(ANNOTATIONS, NODES, CALLS, REJECTS, LLM_CALLS),
    prompts=("search",),
    asks_model=True,
    calls_apis=True,
    arguments=("budgets", "offers", "held_out"),
    split=split,
    work=work,
)
