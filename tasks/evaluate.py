"""Evaluate: what the tables know of every answer, and what a judge votes (arXiv 2307.16789, section 3.1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.errors import BadRow
from tasks.exact_json import Json, digest_of
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage, bucket_count, into_buckets
from tasks.judging.facts import FINISH, facts_of
from tasks.judging.judge import (
    ALONE,
    ANSWER,
    QUESTIONS,
    TASK,
    functions_shown,
    solution_shown,
    vote,
)
from tasks.judging.params import EvaluateParams
from tasks.llm.chat import ChatModel
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
from warehouse.tables.evaluations import AnswerFacts, Evaluation

VERSION = 1
ANSWERS_PER_SHARD = 500
_PER_VOTE = 2  # a question, and once more when the reply holds no label


@dataclass(frozen=True)
class Evaluated:
    """What came of an answer.  refused: why it has no vote, if it has none."""

    facts: AnswerFacts
    votes: Sequence[Evaluation]
    refused: BadRow | None = None


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
    key_of = STAGE.shard_keys(run, params)
    shards = []
    for bucket in into_buckets(annotations, lambda row: row.instruction_id, buckets):
        ref = store.write_shard(ANNOTATIONS, sorted(bucket, key=lambda row: row.annotation_id))
        known = {api_id: working.get(api_id) for row in bucket for api_id in row.offered_api_ids}
        key = key_of([ref.content_digest, digest_of(sorted(known.items()))])
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
    rows = services.store.read(ANNOTATIONS, [annotations])
    queries = {row.instruction_id: row.query for row in services.rows(INSTRUCTIONS, instructions)}
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
        return await _evaluate(row, query, ended[row.annotation_id], model, params, functions)

    mapped = services.map(
        STAGE.name, number, evaluate_one, rows, rejects=lambda came: came.refused is not None
    )
    came = [evaluated for _, evaluated in mapped.done]
    rejects = [
        Reject(
            stage=STAGE.name,
            row_id=each.facts.annotation_id,
            reason=each.refused.reason,
            detail=each.refused.message,
        )
        for each in came
        if each.refused is not None
    ]
    ids = [*(row.annotation_id for row in rows), *leads]
    counts = Counts(
        unit=STAGE.unit,
        n_in=len(rows),
        n_out=len(came) - len(rejects),
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


async def _evaluate(
    row: Annotation,
    query: str,
    ended: Sequence[str],
    model: ChatModel,
    params: EvaluateParams,
    functions: Sequence[Json] | None,
) -> Evaluated:
    """functions: to judge whether the task can be solved; None: another answer's row asks that."""
    facts = facts_of(row, ended, query)
    votes: list[Evaluation] = []
    if functions is not None:
        votes += await _votes(model, params, row, TASK, query=query, functions=functions)
    if facts.certain is not None:
        return Evaluated(facts, [*votes, *_by_rule(row, facts, params, model.name)])
    try:
        votes += await _votes(model, params, row, ANSWER, must=True, query=query, **solution_shown(row))
    except BadRow as refused:
        return Evaluated(facts, votes, refused)
    if params.alone:
        votes += await _votes(model, params, row, ALONE, query=query, answer=row.final_answer)
    return Evaluated(facts, votes)


def _ended(services: Services, nodes: tuple[TableRef, ...], ids: set[str]) -> Mapping[str, list[str]]:
    """How the calls on the path of each answer ended, in order."""
    ended: dict[str, list[tuple[int, str]]] = defaultdict(list)
    columns = ("annotation_id", "node_id", "function", "outcome", "on_answer_path")
    for annotation_id, node_id, function, outcome, on_path in services.store.select(nodes, *columns):
        if annotation_id in ids and on_path and outcome is not None and function != FINISH:
            ended[annotation_id].append((node_id, outcome))
    return defaultdict(list, {key: [outcome for _, outcome in sorted(rows)] for key, rows in ended.items()})


async def _votes(
    model: ChatModel,
    params: EvaluateParams,
    row: Annotation,
    asked: str,
    *,
    must: bool = False,
    **shown: object,
) -> list[Evaluation]:
    """The votes on a question, but those whose replies hold no label; must: raises BadRow when none does."""
    question = QUESTIONS[asked]
    subject = row.instruction_id if asked == TASK else row.annotation_id
    first = _PER_VOTE * params.votes if asked == ALONE else 0
    votes, refused = [], None
    for number in range(params.votes):
        request = question.request(temperature=params.temperature, seed=number, **shown)
        try:
            said = await vote(model, question, request, subject, ordinal=first + _PER_VOTE * number)
        except BadRow as error:
            refused = error
            continue
        votes.append(_evaluation(row, asked, model.name, number, said.label, said.reason))
    if must and refused is not None and not votes:
        raise refused
    return votes


def _by_rule(row: Annotation, facts: AnswerFacts, params: EvaluateParams, judge: str) -> list[Evaluation]:
    reason = "the answer is empty" if facts.finished else "the search ended without an answer"
    asked = (ANSWER, ALONE) if params.alone else (ANSWER,)
    return [_evaluation(row, each, judge, 0, str(facts.certain), reason, by_rule=True) for each in asked]


def _evaluation(
    row: Annotation, asked: str, judge: str, number: int, label: str, reason: str, *, by_rule: bool = False
) -> Evaluation:
    return Evaluation(
        subject_id=row.instruction_id if asked == TASK else row.annotation_id,
        question=asked,
        judge=judge,
        vote=number,
        instruction_id=row.instruction_id,
        label=label,
        by_rule=by_rule,
        reason=reason,
        prompt_digest=QUESTIONS[asked].digest,
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
