"""Evaluate: what the tables know of every answer, and what a judge votes (arXiv 2307.16789, section 3.1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from tasks.exact_json import digest_of
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage, bucket_count, into_buckets
from tasks.judging.facts import FINISH
from tasks.judging.judge import QUESTIONS, functions_shown
from tasks.judging.params import EvaluateParams
from tasks.judging.votes import Evaluated, evaluate_answer
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import (
    ANNOTATIONS,
    ANSWER_FACTS,
    EVALUATIONS,
    INSTRUCTIONS,
    LLM_CALLS,
    NODES,
    REJECTS,
    VERDICTS,
)
from warehouse.tables.accounts import Reject
from warehouse.tables.annotations import Annotation

VERSION = 1
NO_INSTRUCTION = "no_instruction"
_GONE = "its instruction is gone: a run that ended early chose others and searched none of them yet"
ANSWERS_PER_SHARD = 500


def split(
    services: Services,
    params: EvaluateParams,
    probed: StageOutput | None,
    selected: StageOutput,
    annotated: StageOutput,
) -> Split:
    """Shards are buckets of the instructions, so that all answers to one are judged together."""
    store, run = services.store, services.run
    annotations = store.read(ANNOTATIONS, annotated.tables[ANNOTATIONS.name])
    buckets = bucket_count(len(annotations), ANSWERS_PER_SHARD, run.shard_counts.get(STAGE.name))
    inputs = {
        "nodes": annotated.tables[NODES.name],
        "instructions": selected.tables[INSTRUCTIONS.name],
        "verdicts": () if probed is None else probed.tables[VERDICTS.name],
    }
    working = _working(services, inputs["verdicts"])
    there = {each for (each,) in store.select(inputs["instructions"], "instruction_id")}
    key_of = STAGE.shard_keys(run, params)
    shards = []
    for bucket in into_buckets(annotations, lambda row: row.instruction_id, buckets):
        ref = store.write_shard(ANNOTATIONS, sorted(bucket, key=lambda row: row.annotation_id))
        known = {api_id: working.get(api_id) for row in bucket for api_id in row.offered_api_ids}
        gone = sorted({row.instruction_id for row in bucket} - there)
        key = key_of([ref.content_digest, digest_of(sorted(known.items())), *gone])
        shards.append(Shard(key, {"annotations": ref, **inputs}))
    return Split(shards, total=len(annotations))


def _working(services: Services, verdicts: tuple[TableRef, ...]) -> Mapping[str, bool]:
    """Whether APIs answered when they were probed, by api_id."""
    return dict(services.store.select(verdicts, "api_id", "works"))


def work(
    services: Services,
    params: EvaluateParams,
    number: int,
    annotations: TableRef,
    nodes: tuple[TableRef, ...],
    instructions: tuple[TableRef, ...],
    verdicts: tuple[TableRef, ...],
) -> ShardOutput:
    answers = services.store.read(ANNOTATIONS, [annotations])
    queries = {row.instruction_id: row.query for row in services.rows(INSTRUCTIONS, instructions)}
    rows = [row for row in answers if row.instruction_id in queries]
    ended = _ended(services, nodes, {row.annotation_id for row in rows})
    working = _working(services, verdicts)
    leads = {row.instruction_id: row.annotation_id for row in reversed(rows)}
    model = services.model.of(STAGE.name)

    async def evaluate_one(row: Annotation) -> Evaluated:
        functions = None
        if params.tasks and leads[row.instruction_id] == row.annotation_id:
            functions = [
                {**each, "answered_when_called": working.get(api_id)}
                for each, api_id in zip(functions_shown(row.functions), row.offered_api_ids, strict=False)
            ]
        query = queries[row.instruction_id]
        return await evaluate_answer(row, query, ended[row.annotation_id], model, params, functions)

    mapped = services.map(STAGE.name, number, evaluate_one, rows, rejects=lambda came: bool(came.refused))
    came = [evaluated for _, evaluated in mapped.done]
    rejects = [_reject(each) for each in came if each.refused]
    rejects += [
        Reject(stage=STAGE.name, row_id=row.annotation_id, reason=NO_INSTRUCTION, detail=_GONE)
        for row in answers
        if row.instruction_id not in queries
    ]
    ids = [*(row.annotation_id for row in rows), *leads]
    counts = Counts(
        unit=STAGE.unit,
        n_in=len(answers),
        n_out=sum(not each.refused for each in came),
        n_rejected=len(rejects),
        n_pending=len(mapped.pending),
    )
    tables: TableRows = {
        ANSWER_FACTS: [each.facts for each in came],
        EVALUATIONS: [row for each in came for row in each.votes],
        REJECTS: rejects,
        LLM_CALLS: services.model.usage.take(STAGE.name, ids),
    }
    return write_shard(services.store, tables, counts, mapped.stop)


def _ended(services: Services, nodes: tuple[TableRef, ...], ids: set[str]) -> Mapping[str, list[str]]:
    """How the calls on the path of each answer ended, in order."""
    ended: dict[str, list[tuple[int, str]]] = defaultdict(list)
    columns = ("annotation_id", "node_id", "function", "outcome", "on_answer_path")
    found = services.store.select(nodes, *columns, among=("annotation_id", ids))
    for annotation_id, node_id, function, outcome, on_path in found:
        if on_path and outcome is not None and function != FINISH:
            ended[annotation_id].append((node_id, outcome))
    return defaultdict(list, {key: [outcome for _, outcome in sorted(rows)] for key, rows in ended.items()})


def _reject(came: Evaluated) -> Reject:
    """One of an answer, whichever of its questions has no vote; the first says why."""
    reasons = [
        f"no vote on the question {asked}: {refused.message}" for asked, refused in came.refused.items()
    ]
    return Reject(
        stage=STAGE.name,
        row_id=came.facts.annotation_id,
        reason=next(iter(came.refused.values())).reason,
        detail="; ".join(reasons),
    )


STAGE = Stage(
    name="evaluate",
    version=VERSION,
    unit="answer",
    section="evaluate",
    reads={"probe": (VERDICTS,), "select": (INSTRUCTIONS,), "annotate": (ANNOTATIONS, NODES)},
    writes=(ANSWER_FACTS, EVALUATIONS, REJECTS, LLM_CALLS),
    prompts=tuple(dict.fromkeys(name for question in QUESTIONS.values() for name in question.prompts)),
    asks_model=True,
    split=split,
    work=work,
)
