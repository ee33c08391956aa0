"""Annotate: a search for a solution path to every instruction, against the live APIs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from prefect import task

from tasks.llm.budget import cost_usd
from tasks.llm.chat import digest_of
from tasks.policies import prompt_digests, shard_options, stage_key, stage_options
from tasks.run import RunContext
from tasks.search.annotate import AnnotationRows, annotate_instruction, annotation_id_of
from tasks.search.params import AnnotateParams
from tasks.services import services_of
from tasks.stage import (
    TableRows,
    bucket_count,
    finish_stage,
    into_buckets,
    run_shards,
    write_shard,
)
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import ANNOTATIONS, APIS, CALLS, DOCUMENTS, INSTRUCTIONS, LLM_CALLS, NODES, REJECTS
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction

STAGE = "annotate"
VERSION = 2
READS = (APIS, DOCUMENTS, INSTRUCTIONS)
WRITES = (ANNOTATIONS, NODES, CALLS, REJECTS, LLM_CALLS)
UNIT = "instruction"
OFFER = "sampled"


def _key(run: RunContext, params: AnnotateParams, *parts: object) -> str:
    return stage_key(
        STAGE,
        VERSION,
        params.model_dump(mode="json", exclude={"concurrency", "limit", "instructions_per_shard"}),
        run.model_identity(),
        run.calling_identity(),
        prompt_digests("search"),
        *parts,
    )


def _stage_key(
    run: RunContext,
    params: AnnotateParams,
    crawled: StageOutput,
    compressed: StageOutput,
    selected: StageOutput,
) -> str:
    inputs = [
        *crawled.digests(APIS.name),
        *compressed.digests(DOCUMENTS.name),
        *selected.digests(INSTRUCTIONS.name),
    ]
    return _key(run, params, "stage", params.limit, params.instructions_per_shard, inputs)


def _shard_key(run: RunContext, params: AnnotateParams, inputs_digest: str, **_: object) -> str:
    return _key(run, params, "shard", inputs_digest)


@task(name=STAGE, task_run_name=STAGE, tags=[STAGE], **stage_options(_stage_key))
def annotate(
    run: RunContext,
    params: AnnotateParams,
    crawled: StageOutput,
    compressed: StageOutput,
    selected: StageOutput,
) -> StageOutput:
    """Shards are buckets of the instructions; a shard's key covers only the APIs they offer."""
    services = services_of(run)
    instructions = services.store.read(INSTRUCTIONS, selected.tables[INSTRUCTIONS.name])
    wanted, over = _within_limit(instructions, params.limit)
    documents = {row.api_id: row for row in services.rows(DOCUMENTS, compressed.tables[DOCUMENTS.name])}
    progress = services.progress(STAGE)
    progress.expect(len(wanted), UNIT)
    buckets = bucket_count(len(wanted), params.instructions_per_shard, run.shard_counts.get(STAGE))
    shards = [
        {
            "run": run,
            "params": params,
            "inputs_digest": _digest(bucket, documents),
            "instructions": services.store.write_shard(INSTRUCTIONS, bucket),
            "documents": compressed.tables[DOCUMENTS.name],
            "apis": crawled.tables[APIS.name],
            "shard": shard,
        }
        for shard, bucket in enumerate(into_buckets(wanted, _instruction_id, buckets))
    ]
    outputs = run_shards(annotate_shard, services.store, shards, progress)
    rejected = [_rejected(run, over)] if over else []
    return finish_stage(
        STAGE, services.store, [*outputs, *rejected], writes=WRITES, n_shard_tasks=len(outputs)
    )


def _instruction_id(instruction: Instruction) -> str:
    return instruction.instruction_id


def _within_limit(
    instructions: Sequence[Instruction], limit: int | None
) -> tuple[Sequence[Instruction], Sequence[Instruction]]:
    """Ids are hashes, so that the first by id are a fair draw, and the same one in every run."""
    in_order = sorted(instructions, key=_instruction_id)
    return (in_order, []) if limit is None else (in_order[:limit], in_order[limit:])


def _digest(instructions: Iterable[Instruction], documents: Mapping[str, Document]) -> str:
    return digest_of(
        [
            [
                instruction.instruction_id,
                instruction.query,
                instruction.api_fingerprints,
                [documents[api_id].document for api_id in instruction.api_ids],
                [documents[api_id].response_schema for api_id in instruction.api_ids],
            ]
            for instruction in sorted(instructions, key=_instruction_id)
        ]
    )


def _rejected(run: RunContext, over: Sequence[Instruction]) -> ShardOutput:
    rejects = [
        Reject(
            stage=STAGE,
            row_id=instruction.instruction_id,
            reason="over_limit",
            detail="[annotate] limit is reached",
        )
        for instruction in over
    ]
    counts = Counts(unit=UNIT, n_in=len(over), n_out=0, n_rejected=len(over))
    return write_shard(services_of(run).store, {REJECTS: rejects}, counts)


@task(name="annotate shard", task_run_name="annotate {shard}", tags=[STAGE], **shard_options(_shard_key))
def annotate_shard(
    run: RunContext,
    params: AnnotateParams,
    inputs_digest: str,  # noqa: ARG001 - the key
    instructions: TableRef,
    documents: tuple[TableRef, ...],
    apis: tuple[TableRef, ...],
    shard: int,
) -> ShardOutput:
    services = services_of(run)
    rows = services.store.read(INSTRUCTIONS, [instructions])
    document_of = {row.api_id: row for row in services.rows(DOCUMENTS, documents)}
    api_of: Mapping[str, Api] = {row.api_id: row for row in services.rows(APIS, apis)}
    model = services.model(STAGE)

    async def annotate_one(instruction: Instruction) -> AnnotationRows:
        offered = [api_of[api_id] for api_id in instruction.api_ids]
        return await annotate_instruction(
            instruction,
            offered,
            document_of,
            model=model,
            caller=services.searching,
            params=params,
            offer=OFFER,
            cost_usd=partial(cost_usd, run.llm),
        )

    mapped = services.map(STAGE, shard, annotate_one, rows, at_once=params.concurrency)
    searches = [found for _, found in mapped.done]
    counts = Counts(
        unit=UNIT, n_in=len(rows), n_out=len(searches), n_rejected=0, n_pending=len(mapped.pending)
    )
    tables: TableRows = {
        ANNOTATIONS: [search.annotation for search in searches],
        NODES: [node for search in searches for node in search.nodes],
        CALLS: [call for search in searches for call in search.calls],
        REJECTS: [],
        LLM_CALLS: services.usage.take(STAGE, (_annotation_id(row, params, model.name) for row in rows)),
    }
    return write_shard(services.store, tables, counts, mapped.stop)


def _annotation_id(instruction: Instruction, params: AnnotateParams, model: str) -> str:
    return annotation_id_of(
        instruction.instruction_id, method=params.method, rules=params.rules, model=model, offer=OFFER
    )
