"""Prefer: which of two answers to an instruction is better, by a judge that sees each pair in both orders."""

from __future__ import annotations

from collections import defaultdict

from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage, bucket_count, into_buckets
from tasks.judging.judge import ANSWER, PREFERENCE
from tasks.judging.params import EvaluateParams
from tasks.judging.votes import Pair, Preferred, labels_of, pairs_of, prefer_answer
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import ANNOTATIONS, EVALUATIONS, INSTRUCTIONS, LLM_CALLS, PREFERENCES, REJECTS
from warehouse.tables.accounts import Reject
from warehouse.tables.annotations import Annotation

VERSION = 1
PAIRS_PER_SHARD = 250


def split(
    services: Services,
    params: EvaluateParams,
    selected: StageOutput,
    annotated: StageOutput,
    evaluated: StageOutput,
) -> Split:
    """Shards are buckets of the instructions that have answers of both sides."""
    store, run = services.store, services.run
    there = {each for (each,) in store.select(selected.tables[INSTRUCTIONS.name], "instruction_id")}
    of = defaultdict(list)
    for row in store.read(ANNOTATIONS, annotated.tables[ANNOTATIONS.name]):
        if row.instruction_id in there:  # else the evaluation of the answer is a reject, which says so
            of[row.instruction_id].append(row)
    pairs = [pair for rows in of.values() for pair in pairs_of(rows, params.against)]
    paired = {row.annotation_id: row for pair in pairs for row in (pair.ours, pair.theirs)}
    judge = services.model.of(STAGE.name).name
    cast = defaultdict(list)
    for each in store.read(EVALUATIONS, evaluated.tables[EVALUATIONS.name]):
        if each.question == ANSWER and each.judge == judge and each.subject_id in paired:
            cast[each.subject_id].append(each)
    buckets = bucket_count(len(pairs), PAIRS_PER_SHARD, run.shard_counts.get(STAGE.name))
    key_of = STAGE.shard_keys(run, params)
    shards = []
    for bucket in into_buckets(sorted(paired.values(), key=_id), lambda row: row.instruction_id, buckets):
        ref = store.write_shard(ANNOTATIONS, bucket)
        votes = [each for row in bucket for each in cast[row.annotation_id]]
        judged = store.write_shard(EVALUATIONS, votes)
        key = key_of([ref.content_digest, judged.content_digest])
        inputs = {
            "annotations": ref,
            "evaluations": judged,
            "instructions": selected.tables[INSTRUCTIONS.name],
        }
        shards.append(Shard(key, inputs))
    return Split(shards, total=len(pairs))


def _id(row: Annotation) -> str:
    return row.annotation_id


def work(
    services: Services,
    params: EvaluateParams,
    number: int,
    annotations: TableRef,
    evaluations: TableRef,
    instructions: tuple[TableRef, ...],
) -> ShardOutput:
    of = defaultdict(list)
    for row in services.store.read(ANNOTATIONS, [annotations]):
        of[row.instruction_id].append(row)
    pairs = [pair for rows in of.values() for pair in pairs_of(rows, params.against)]
    queries = {row.instruction_id: row.query for row in services.rows(INSTRUCTIONS, instructions)}
    labels = labels_of(services.store.read(EVALUATIONS, [evaluations]))
    model = services.model.of(STAGE.name)

    async def prefer_one(pair: Pair) -> Preferred:
        return await prefer_answer(pair, queries[pair.ours.instruction_id], labels, model, params.temperature)

    mapped = services.map(
        STAGE.name, number, prefer_one, pairs, rejects=lambda came: came.refused is not None
    )
    rejects = [
        Reject(stage=STAGE.name, row_id=pair.row_id, reason=came.refused.reason, detail=came.refused.message)
        for pair, came in mapped.done
        if came.refused is not None
    ]
    counts = Counts(
        unit=STAGE.unit,
        n_in=len(pairs),
        n_out=len(mapped.done) - len(rejects),
        n_rejected=len(rejects),
        n_pending=len(mapped.pending),
    )
    tables: TableRows = {
        PREFERENCES: [row for _, came in mapped.done for row in came.votes],
        REJECTS: rejects,
        LLM_CALLS: services.model.usage.take(STAGE.name, [pair.row_id for pair in pairs]),
    }
    return write_shard(services.store, tables, counts, mapped.stop)


STAGE = Stage(
    name="prefer",
    version=VERSION,
    unit="pair",
    section="evaluate",
    reads={"select": (INSTRUCTIONS,), "annotate": (ANNOTATIONS,), "evaluate": (EVALUATIONS,)},
    writes=(PREFERENCES, REJECTS, LLM_CALLS),
    prompts=PREFERENCE.prompts,
    asks_model=True,
    split=split,
    work=work,
)
