"""Prefer: which of two answers to an instruction is better, by a judge that sees each pair in both orders."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.errors import BadRow
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage, bucket_count, into_buckets
from tasks.judging.facts import UNSOLVED
from tasks.judging.judge import (
    ANSWER,
    FIRST,
    PREFERENCE,
    SECOND,
    SOLVED,
    TIE,
    preferred,
    solution_shown,
    vote,
)
from tasks.judging.params import EvaluateParams
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import ANNOTATIONS, EVALUATIONS, INSTRUCTIONS, LLM_CALLS, PREFERENCES, REJECTS
from warehouse.tables.accounts import Reject
from warehouse.tables.annotations import Annotation
from warehouse.tables.evaluations import Evaluation, Preference

VERSION = 1
PAIRS_PER_SHARD = 250


@dataclass(frozen=True)
class Pair:
    """Two answers to one instruction; the second is of the method that others are compared with."""

    ours: Annotation
    theirs: Annotation

    @property
    def row_id(self) -> str:
        return f"{self.ours.annotation_id}/{self.theirs.annotation_id}"


def split(
    services: Services,
    params: EvaluateParams,
    selected: StageOutput,
    annotated: StageOutput,
    evaluated: StageOutput,
) -> Split:
    """Shards are buckets of the instructions that have answers of both sides."""
    store, run = services.store, services.run
    of = defaultdict(list)
    for row in store.read(ANNOTATIONS, annotated.tables[ANNOTATIONS.name]):
        of[row.instruction_id].append(row)
    pairs = [pair for rows in of.values() for pair in pairs_of(rows, params.against)]
    paired = {row.annotation_id: row for pair in pairs for row in (pair.ours, pair.theirs)}
    buckets = bucket_count(len(pairs), PAIRS_PER_SHARD, run.shard_counts.get(STAGE.name))
    key_of = STAGE.shard_keys(run, params)
    shards = []
    for bucket in into_buckets(sorted(paired.values(), key=_id), lambda row: row.instruction_id, buckets):
        ids = {row.annotation_id for row in bucket}
        ref = store.write_shard(ANNOTATIONS, bucket)
        votes = [
            row
            for row in services.rows(EVALUATIONS, evaluated.tables[EVALUATIONS.name])
            if row.question == ANSWER and row.subject_id in ids
        ]
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


def pairs_of(rows: Sequence[Annotation], against: str | None) -> list[Pair]:
    """Each answer to an instruction beside those of the method `against`, of the same rules and offer."""
    return [
        Pair(ours, theirs)
        for ours in rows
        if ours.method != against
        for theirs in rows
        if theirs.method == against and (theirs.offer, theirs.rules) == (ours.offer, ours.rules)
    ]


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

    async def prefer_one(pair: Pair) -> list[Preference] | BadRow:
        ours, theirs = (labels.get(row.annotation_id) for row in (pair.ours, pair.theirs))
        if pair.ours.final_answer == pair.theirs.final_answer:
            return [_row(pair, model.name, TIE, "both answers are the same", by_rule=True)]
        if {ours, theirs} == {SOLVED, UNSOLVED}:
            better = FIRST if ours == SOLVED else SECOND
            return [_row(pair, model.name, better, f"{ours} against {theirs}", by_rule=True)]
        rows = []
        try:
            for ordinal, shown in enumerate((pair, Pair(pair.theirs, pair.ours))):
                request = PREFERENCE.request(
                    temperature=params.temperature,
                    seed=0,
                    query=queries[pair.ours.instruction_id],
                    first=solution_shown(shown.ours),
                    second=solution_shown(shown.theirs),
                )
                said = await vote(model, PREFERENCE, request, pair.row_id, ordinal=2 * ordinal)
                rows.append(_row(shown, model.name, preferred(said.label), said.reason))
        except BadRow as refused:
            return refused
        return rows

    mapped = services.map(
        STAGE.name, number, prefer_one, pairs, rejects=lambda came: isinstance(came, BadRow)
    )
    rejects = [
        Reject(stage=STAGE.name, row_id=pair.row_id, reason=came.reason, detail=came.message)
        for pair, came in mapped.done
        if isinstance(came, BadRow)
    ]
    counts = Counts(
        unit=STAGE.unit,
        n_in=len(pairs),
        n_out=len(mapped.done) - len(rejects),
        n_rejected=len(rejects),
        n_pending=len(mapped.pending),
    )
    tables: TableRows = {
        PREFERENCES: [row for _, came in mapped.done if not isinstance(came, BadRow) for row in came],
        REJECTS: rejects,
        LLM_CALLS: services.model.usage.take(STAGE.name, [pair.row_id for pair in pairs]),
    }
    return write_shard(services.store, tables, counts, mapped.stop)


def labels_of(votes: Sequence[Evaluation]) -> Mapping[str, str]:
    """The label that more than half of the votes have, by the answer; none where no label has."""
    cast: dict[str, Counter[str]] = defaultdict(Counter)
    for row in votes:
        cast[row.subject_id][row.label] += 1
    most = {subject: counted.most_common(1)[0] for subject, counted in cast.items()}
    return {subject: label for subject, (label, n) in most.items() if 2 * n > cast[subject].total()}


def _row(shown: Pair, judge: str, better: str, reason: str, *, by_rule: bool = False) -> Preference:
    return Preference(
        first_id=shown.ours.annotation_id,
        second_id=shown.theirs.annotation_id,
        judge=judge,
        vote=0,
        instruction_id=shown.ours.instruction_id,
        preferred=better,
        by_rule=by_rule,
        reason=reason,
        prompt_digest=PREFERENCE.digest,
    )


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
