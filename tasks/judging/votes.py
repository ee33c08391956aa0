"""Votes as rows: on an answer, on whether its task can be solved, and on which of two answers is better.

Every question that a judge was asked is a row, also when none of its replies held a label; where the tables
leave no doubt nobody is asked, and the row says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress

from tasks.errors import BadRow
from tasks.judging.facts import UNSOLVED, facts_of, said_by
from tasks.judging.judge import (
    ALONE,
    ANSWER,
    FIRST,
    PREFERENCE,
    QUESTIONS,
    SECOND,
    SOLVED,
    TASK,
    TIE,
    preferred,
    solution_shown,
    vote,
)
from tasks.judging.params import MOST_VOTES, EvaluateParams, said_of
from tasks.llm.chat import ChatModel, Json
from warehouse.tables.annotations import Annotation
from warehouse.tables.evaluations import AnswerFacts, Evaluation, Preference

_PER_VOTE = 2  # a question, and once more when the reply holds no label
_ALONE_FROM = _PER_VOTE * MOST_VOTES  # wherever the votes end, so that more of them leave replies in place


@dataclass
class Evaluated:
    """What came of an answer.  refused: of the questions on which no vote could be had, why."""

    facts: AnswerFacts
    votes: list[Evaluation] = field(default_factory=list)
    refused: dict[str, BadRow] = field(default_factory=dict)


async def evaluate_answer(
    row: Annotation,
    query: str,
    ended: Sequence[str],
    model: ChatModel,
    params: EvaluateParams,
    functions: Sequence[Json] | None,
) -> Evaluated:
    """What the rows of a search and a judge say of its answer.

    ended: how its calls did.  functions: to judge whether the task can be solved; None: that is asked with
    another answer to the instruction.
    """
    came = Evaluated(facts_of(row, ended, query))
    if functions is not None:
        await _ask(came, model, params, row, TASK, query=query, functions=functions)
    if came.facts.certain is not None:
        came.votes += _by_rule(row, came.facts, params, model.name)
        return came
    await _ask(came, model, params, row, ANSWER, query=query, **solution_shown(row))
    if params.alone:
        await _ask(came, model, params, row, ALONE, query=query, answer=row.final_answer)
    return came


async def _ask(
    came: Evaluated, model: ChatModel, params: EvaluateParams, row: Annotation, asked: str, **shown: object
) -> None:
    """Adds the votes on a question; one whose replies hold no label is a row, too, without one."""
    question = QUESTIONS[asked]
    subject = row.instruction_id if asked == TASK else row.annotation_id
    first = _ALONE_FROM if asked == ALONE else 0
    n_cast, refused = 0, None
    asking = question.request(temperature=params.temperature, seed=0, **shown)
    for number in range(params.votes):
        request = replace(asking, seed=number)
        try:
            said = await vote(model, question, request, subject, ordinal=first + _PER_VOTE * number)
        except BadRow as error:
            refused = error
            came.votes.append(_evaluation(row, asked, model.name, number, None, error.message))
            continue
        n_cast += 1
        came.votes.append(_evaluation(row, asked, model.name, number, said.label, said.reason))
    if refused is not None and not n_cast:
        came.refused[asked] = refused


def _by_rule(row: Annotation, facts: AnswerFacts, params: EvaluateParams, judge: str) -> list[Evaluation]:
    reason = "the answer is empty" if facts.finished else "the search ended without an answer"
    asked = (ANSWER, ALONE) if params.alone else (ANSWER,)
    return [_evaluation(row, each, judge, 0, str(facts.certain), reason, by_rule=True) for each in asked]


def _evaluation(
    row: Annotation,
    asked: str,
    judge: str,
    number: int,
    label: str | None,
    reason: str,
    *,
    by_rule: bool = False,
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


@dataclass(frozen=True)
class Pair:
    """Two answers to one instruction; the second is of the method that others are compared with."""

    ours: Annotation
    theirs: Annotation

    @property
    def row_id(self) -> str:
        return f"{self.ours.annotation_id}/{self.theirs.annotation_id}"


@dataclass
class Preferred:
    """What came of a pair.  refused: why an order of it has no vote; then nothing is decided by the other."""

    votes: list[Preference] = field(default_factory=list)
    refused: BadRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What is known of an answer before it is there: who searched, how, and among what."""

    method: str
    model: str
    rules: str
    offer: str


def pairs_of(rows: Sequence[Annotation], against: str | None) -> list[Pair]:
    """Each answer to an instruction beside those that `against` names, of the same rules, and of the same
    offer unless it names one.
    """
    if against is None:
        return []
    their = [is_of_side(row, against) for row in rows]
    return [
        Pair(ours, theirs)
        for ours, is_theirs in zip(rows, their, strict=True)
        if not is_theirs
        for theirs in compress(rows, their)
        if comparable(ours, theirs, against)
    ]


def is_of_side(row: Annotation | Searched, against: str) -> bool:
    """Whether an answer is one of those named; of offers, `retrieved@5` is enough where one chose so many."""
    said = said_of(against)
    offer = said.pop("offer", row.offer)
    return f"{row.offer}:".startswith(f"{offer}:") and all(
        getattr(row, name) == value for name, value in said.items()
    )


def comparable(row: Annotation | Searched, other: Annotation | Searched, against: str) -> bool:
    return row.rules == other.rules and ("offer" in said_of(against) or row.offer == other.offer)


async def prefer_answer(
    pair: Pair, query: str, labels: Mapping[str, str], model: ChatModel, temperature: float
) -> Preferred:
    """Which answer of a pair is better, in both orders or by rule.  labels: of answers, as far as known."""
    ours, theirs = (labels.get(row.annotation_id) for row in (pair.ours, pair.theirs))
    if said_by(pair.ours) == said_by(pair.theirs):
        return Preferred([_row(pair, model.name, TIE, "both answers are the same", by_rule=True)])
    if {ours, theirs} == {SOLVED, UNSOLVED}:
        better = FIRST if ours == SOLVED else SECOND
        return Preferred([_row(pair, model.name, better, f"{ours} against {theirs}", by_rule=True)])
    came = Preferred()
    for ordinal, shown in enumerate((pair, Pair(pair.theirs, pair.ours))):
        request = PREFERENCE.request(
            temperature=temperature,
            seed=0,
            query=query,
            first=solution_shown(shown.ours),
            second=solution_shown(shown.theirs),
        )
        try:
            said = await vote(model, PREFERENCE, request, pair.row_id, ordinal=2 * ordinal)
        except BadRow as refused:
            came.refused = refused
            came.votes.append(_row(shown, model.name, None, refused.message))
        else:
            came.votes.append(_row(shown, model.name, preferred(said.label), said.reason))
    return came


def labels_of(votes: Sequence[Evaluation]) -> Mapping[str, str]:
    """The label that more than half of the votes have, by the answer; none where no label has."""
    cast: dict[str, Counter[str]] = defaultdict(Counter)
    for row in votes:
        if row.label is not None:
            cast[row.subject_id][row.label] += 1
    most = {subject: counted.most_common(1)[0] for subject, counted in cast.items()}
    return {subject: label for subject, (label, n) in most.items() if 2 * n > cast[subject].total()}


def _row(shown: Pair, judge: str, better: str | None, reason: str, *, by_rule: bool = False) -> Preference:
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
