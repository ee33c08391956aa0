"""Annotate: a search for a solution path to every instruction, against the live APIs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from tasks.exact_json import digest_of
from tasks.frame.running import TableRows, stop_notice, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage, bucket_count, into_buckets
from tasks.search.annotate import annotate_instruction, annotation_id_of
from tasks.search.params import BUDGET_METHOD, AnnotateParams
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
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction

VERSION = 6
OFFER = "sampled"

# One thread: what many threads allocate to write Parquet, none of them gives back.
_WRITER = ThreadPoolExecutor(1, thread_name_prefix="toolloom-writer")

Budgets = Mapping[str, int]
"""What react@budget may spend, by instruction."""


def split(
    services: Services,
    params: AnnotateParams,
    crawled: StageOutput,
    compressed: StageOutput | None,
    selected: StageOutput,
    budgets: Budgets | None = None,
) -> Split:
    """Shards are buckets of the instructions; a shard's key covers only the APIs they offer.

    compressed: None when nothing was; the catalogue's own words are shown then.  budgets: of react@budget.
    """
    run = services.run
    instructions = services.store.read(INSTRUCTIONS, selected.tables[INSTRUCTIONS.name])
    within, over = _within_limit(instructions, params.limit)
    wanted, unbounded = _with_budget(within, params, budgets or {})
    described = _Described(services, crawled, compressed)
    buckets = bucket_count(len(wanted), params.instructions_per_shard, run.shard_counts.get(STAGE.name))
    key_of = STAGE.shard_keys(run, params)
    return Split(
        [
            Shard(
                key_of(_digest(bucket, described, budgets or {})),
                {
                    "instructions": services.store.write_shard(INSTRUCTIONS, bucket),
                    "documents": () if compressed is None else compressed.tables[DOCUMENTS.name],
                    "apis": crawled.tables[APIS.name],
                    "tools": crawled.tables[TOOLS.name],
                    "budgets": budgets,
                },
            )
            for bucket in into_buckets(wanted, _instruction_id, buckets)
        ],
        total=len(wanted),
        rejects=[_over_limit(row) for row in over] + [_no_budget(row, params) for row in unbounded],
    )


def _instruction_id(instruction: Instruction) -> str:
    return instruction.instruction_id


def _within_limit(
    instructions: Sequence[Instruction], limit: int | None
) -> tuple[Sequence[Instruction], Sequence[Instruction]]:
    """Ids are hashes, so that the first by id are a fair draw, and the same one in every run."""
    in_order = sorted(instructions, key=_instruction_id)
    return (in_order, []) if limit is None else (in_order[:limit], in_order[limit:])


def _with_budget(
    instructions: Sequence[Instruction], params: AnnotateParams, budgets: Budgets
) -> tuple[Sequence[Instruction], Sequence[Instruction]]:
    if params.method != BUDGET_METHOD:
        return instructions, []
    has = [row.instruction_id in budgets for row in instructions]
    return (
        [row for row, bounded in zip(instructions, has, strict=True) if bounded],
        [row for row, bounded in zip(instructions, has, strict=True) if not bounded],
    )


class _Described:
    """What is known of APIs: their documents, and where they have none, their tools."""

    def __init__(self, services: Services, crawled: StageOutput, compressed: StageOutput | None) -> None:
        refs = () if compressed is None else compressed.tables[DOCUMENTS.name]
        self.documents: Mapping[str, Document] = {row.api_id: row for row in services.rows(DOCUMENTS, refs)}
        apis: Sequence[Api] = services.rows(APIS, crawled.tables[APIS.name])
        tools: Sequence[Tool] = services.rows(TOOLS, crawled.tables[TOOLS.name])
        self._tool_of = {row.api_id: row.tool_id for row in apis}
        self._tools = {row.tool_id: row for row in tools}

    def words(self, api_id: str) -> list[str]:
        document = self.documents.get(api_id)
        if document is not None:
            return [document.document, document.response_schema]
        tool = self._tools.get(self._tool_of.get(api_id, ""))
        return [] if tool is None else [tool.category, tool.tool_name, tool.description]


def _digest(instructions: Iterable[Instruction], described: _Described, budgets: Budgets) -> str:
    return digest_of(
        [
            [
                instruction.instruction_id,
                instruction.query,
                instruction.api_fingerprints,
                [described.words(api_id) for api_id in instruction.api_ids],
                budgets.get(instruction.instruction_id),
            ]
            for instruction in sorted(instructions, key=_instruction_id)
        ]
    )


def _over_limit(instruction: Instruction) -> Reject:
    return Reject(
        stage=STAGE.name,
        row_id=instruction.instruction_id,
        reason="over_limit",
        detail="[annotate] limit is reached",
    )


def _no_budget(instruction: Instruction, params: AnnotateParams) -> Reject:
    return Reject(
        stage=STAGE.name,
        row_id=instruction.instruction_id,
        reason="no_budget",
        detail=f"{BUDGET_METHOD} spends what {params.budget_of} spent on the same instruction, under the "
        f"same rules and with the same model; this data folder has no such search with {params.budget_in} "
        f"to its account: run `toolloom annotate --method {params.budget_of}` first",
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
) -> ShardOutput:
    """A search goes to the disk when it is finished, so that the memory of a shard is that of a few."""
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
                offer=OFFER,
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
    ids = (_annotation_id(row, params, model.name) for row in rows)
    accounts: TableRows = {REJECTS: [], LLM_CALLS: services.model.usage.take(STAGE.name, ids)}
    counts = Counts(
        unit=STAGE.unit, n_in=len(rows), n_out=len(mapped.done), n_rejected=0, n_pending=len(mapped.pending)
    )
    written = write_shard(services.store, accounts, counts)
    return ShardOutput(
        tables=(*trees, *written.tables),
        counts=counts,
        stop=None if mapped.stop is None else stop_notice(mapped.stop),
    )


def _annotation_id(instruction: Instruction, params: AnnotateParams, model: str) -> str:
    return annotation_id_of(
        instruction.instruction_id, method=params.method, rules=params.rules, model=model, offer=OFFER
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
    arguments=("budgets",),
    split=split,
    work=work,
)
