"""What judging answers would ask: every vote that is not stored, counted one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.errors import RequestRefused
from tasks.judging.judge import functions_shown
from tasks.judging.params import EvaluateParams
from tasks.judging.votes import (
    Searched,
    comparable,
    evaluate_answer,
    is_of_side,
    labels_of,
    pairs_of,
    prefer_answer,
)
from tasks.llm.chat import ChatRequest, Reply
from tasks.llm.params import LlmParams
from tasks.planning.estimate import Figures, StageEstimate, estimated
from tasks.planning.known import Known
from tasks.planning.looking import Deferred, DeferringModel
from tasks.search.annotate import OFFER, annotation_id_of
from tasks.search.params import AnnotateParams
from warehouse.tables.annotations import Annotation

_ORDERS = 2  # in which a pair is shown


@dataclass(slots=True)
class CountingModel(DeferringModel):
    """Gives replies that are stored, and counts and refuses the others: no vote depends on another.

    missing: the row and the estimated tokens of each request that would have to be made.
    """

    missing: list[tuple[str, int]] = field(default_factory=list)

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        try:
            return await DeferringModel.ask(self, request, row_id=row_id, ordinal=ordinal)
        except Deferred as deferred:
            self.missing.append((row_id, self.tokens_in or 0))
            raise RequestRefused("not_stored", "no reply to it is stored") from deferred


@dataclass
class Asked:
    """An instruction whose answers will be judged.

    answers: those that will be there and are known.  gone: one that will not, from which the functions on
    offer are known all the same.  weight: how likely the instruction itself will be there.
    """

    query: str
    weight: float = 1.0
    answers: list[Annotation] = field(default_factory=list)
    awaited: Searched | None = None
    gone: Annotation | None = None


@dataclass
class Missing:
    """Requests that would be made.

    seen, tokens: of them those that could be looked at, and their tokens.  n_awaited: answers that the
    others are about.
    """

    requests: float = 0.0
    seen: int = 0
    tokens: int = 0
    n_awaited: float = 0.0
    words: tuple[str, ...] = ()

    @property
    def tokens_in_each(self) -> float | None:
        return self.tokens / self.seen if self.seen else None

    def add_seen(self, missing: Sequence[tuple[str, int]], weight: float) -> None:
        self.requests += weight * len(missing)
        self.seen += len(missing)
        self.tokens += sum(tokens for _, tokens in missing)

    def scaled(self, share: float, words: tuple[str, ...]) -> Missing:
        return Missing(self.requests * share, self.seen, self.tokens, self.n_awaited * share, words)


def answers_there_are(known: Known) -> dict[str, Asked]:
    """By instruction."""
    asked = {row.instruction_id: Asked(row.query) for row in known.instructions}
    return _with_answers(asked, known.answers)


def answers_to_come(
    known: Known,
    staying: Mapping[str, float],
    searched: Mapping[str, Annotation | None],
    params: AnnotateParams,
    model: str,
) -> dict[str, Asked]:
    """Of a refresh, by instruction.

    staying: instructions that were selected and stay, with their weights; searched: those of them that will
    be searched, with the answers that the stores hold already.  model: that searches.
    """
    asked = {
        row.instruction_id: Asked(row.query, staying.get(row.instruction_id, 1.0))
        for row in known.instructions
        if row.instruction_id in staying or row.instruction_id not in known.refreshed
    }
    made_anew = set(known.refreshed)
    for instruction_id, answer in searched.items():
        if answer is None:
            asked[instruction_id].awaited = Searched(
                method=params.method, model=model, rules=params.rules, offer=OFFER
            )
        made_anew.add(
            annotation_id_of(
                instruction_id, method=params.method, rules=params.rules, model=model, offer=OFFER
            )
        )
    for row in known.answers:
        if row.annotation_id in made_anew and row.instruction_id in asked:
            asked[row.instruction_id].gone = row
    kept = [row for row in known.answers if row.annotation_id not in made_anew]
    return _with_answers(asked, [*kept, *(answer for answer in searched.values() if answer is not None)])


def _with_answers(asked: Mapping[str, Asked], answers: Iterable[Annotation]) -> dict[str, Asked]:
    """Those that have an answer or will have one."""
    for row in sorted(answers, key=lambda row: row.annotation_id):
        if row.instruction_id in asked:
            asked[row.instruction_id].answers.append(row)
    return {key: each for key, each in asked.items() if each.answers or each.awaited}


async def judging_stages(
    asked: Mapping[str, Asked],
    working: Mapping[str, bool],
    params: EvaluateParams,
    judge: LlmParams,
    figures: Mapping[str, Figures],
    *,
    model_of_row: Callable[[], CountingModel],
    most: int,
    n_new: float,
) -> tuple[StageEstimate, ...]:
    """n_new: answers to instructions that are new themselves.  The others are as of `missing_votes`."""
    answers, pairs = await missing_votes(asked, working, params, model_of_row=model_of_row, most=most)
    each, n_awaited = params.votes * (1 + params.tasks + params.alone), n_new + answers.n_awaited
    answers.requests += n_new * each
    if round(n_awaited):
        answers.words += (f"up to {each} votes for each of {n_awaited:,.0f} new answers",)
    found = {"evaluate": answers}
    if params.against is not None:
        found["prefer"] = pairs
        if pairs.requests:
            words = "a pair that labels decide is not asked about, which is known once they are there"
            pairs.words += (words,)
    return tuple(
        estimated(
            stage,
            missing.requests,
            figures[stage],
            judge,
            tokens_in_each=None if figures[stage].measured else missing.tokens_in_each,
            in_batches=judge.batch,
            assumptions=missing.words,
        )
        for stage, missing in found.items()
    )


async def missing_votes(
    asked: Mapping[str, Asked],
    working: Mapping[str, bool],
    params: EvaluateParams,
    *,
    model_of_row: Callable[[], CountingModel],
    most: int,
) -> tuple[Missing, Missing]:
    """On answers and tasks, and on pairs.

    asked: by instruction.  working: whether APIs answered when they were probed.  Of more instructions than
    `most`, a fair draw is looked at.
    """
    drawn = sorted(asked, key=lambda key: hashlib.blake2b(key.encode(), digest_size=8).digest())[:most]
    evaluating, preferring = Missing(), Missing()
    for instruction_id in drawn:
        each = asked[instruction_id]
        model, votes = model_of_row(), []
        for at, row in enumerate(each.answers):
            functions = _functions(row, working) if params.tasks and at == 0 else None
            votes += (await evaluate_answer(row, each.query, (), model, params, functions)).votes
        evaluating.add_seen(model.missing, each.weight)
        if each.awaited is not None:
            if not each.answers:
                await _add_task(evaluating, instruction_id, each, working, params, model_of_row())
            evaluating.requests += each.weight * params.votes * (1 + params.alone)
            evaluating.n_awaited += each.weight
        if params.against is not None:
            model, labels = model_of_row(), labels_of([vote for vote in votes if vote.question == "answer"])
            for pair in pairs_of(each.answers, params.against):
                await prefer_answer(pair, each.query, labels, model, params.temperature)
            preferring.add_seen(model.missing, each.weight)
            preferring.requests += each.weight * _ORDERS * _pairs_awaited(each, params.against)
    share = len(asked) / len(drawn) if drawn else 1.0
    words = (f"{len(drawn):,} of {len(asked):,} instructions were looked at",) if share > 1 else ()
    return evaluating.scaled(share, words), preferring.scaled(share, words)


async def _add_task(
    missing: Missing,
    instruction_id: str,
    asked: Asked,
    working: Mapping[str, bool],
    params: EvaluateParams,
    model: CountingModel,
) -> None:
    """Of an instruction none of whose answers is known, as far as its functions are."""
    if not params.tasks:
        return
    if asked.gone is None:
        missing.requests += asked.weight * params.votes
        return
    await evaluate_answer(asked.gone, asked.query, (), model, params, _functions(asked.gone, working))
    missing.add_seen([each for each in model.missing if each[0] == instruction_id], asked.weight)


def _functions(row: Annotation, working: Mapping[str, bool]) -> list[dict[str, object]]:
    shown = zip(functions_shown(row.functions), row.offered_api_ids, strict=False)
    return [{**each, "answered_when_called": working.get(api_id)} for each, api_id in shown]


def _pairs_awaited(asked: Asked, against: str) -> int:
    """Of the answer that is yet to be found with those that are known."""
    if asked.awaited is None:
        return 0
    awaited = asked.awaited
    return sum(
        is_of_side(row, against) != is_of_side(awaited, against) and comparable(row, awaited, against)
        for row in asked.answers
    )
