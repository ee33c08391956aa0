"""What judging answers would ask: every vote that is not stored, counted one by one."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.errors import RequestRefused
from tasks.judging.judge import functions_shown
from tasks.judging.params import EvaluateParams
from tasks.judging.votes import evaluate_answer, labels_of, pairs_of, prefer_answer
from tasks.llm.chat import ChatRequest, Reply
from tasks.planning.looking import Deferred, DeferringModel
from warehouse.tables.annotations import Annotation


@dataclass(slots=True)
class CountingModel(DeferringModel):
    """Gives replies that are stored, and counts and refuses the others: no vote depends on another.

    missing: tokens of each request that would have to be made, estimated.
    """

    missing: list[int] = field(default_factory=list)

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        try:
            return await DeferringModel.ask(self, request, row_id=row_id, ordinal=ordinal)
        except Deferred as deferred:
            self.missing.append(self.tokens_in or 0)
            raise RequestRefused("not_stored", "no reply to it is stored") from deferred


@dataclass(frozen=True)
class Missing:
    """Requests that would be made.  tokens_in_each: None when there are none; words: what that rests on."""

    requests: float
    tokens_in_each: float | None
    words: tuple[str, ...] = ()


async def missing_votes(
    answers: Sequence[Annotation],
    queries: Mapping[str, str],
    working: Mapping[str, bool],
    params: EvaluateParams,
    *,
    model_of_row: Callable[[], CountingModel],
    most: int,
) -> tuple[Missing, Missing]:
    """On answers and tasks, and on pairs.

    queries: by instruction, of those that count.  working: whether APIs answered when they were probed.  Of
    more instructions than `most`, a fair draw is looked at.
    """
    of: dict[str, list[Annotation]] = defaultdict(list)
    for row in sorted(answers, key=lambda row: row.annotation_id):
        if row.instruction_id in queries:
            of[row.instruction_id].append(row)
    drawn = sorted(of, key=lambda key: hashlib.blake2b(key.encode(), digest_size=8).digest())[:most]
    evaluating, preferring = model_of_row(), model_of_row()
    for instruction_id in drawn:
        query, votes = queries[instruction_id], []
        for at, row in enumerate(of[instruction_id]):
            functions = [
                {**each, "answered_when_called": working.get(api_id)}
                for each, api_id in zip(functions_shown(row.functions), row.offered_api_ids, strict=False)
            ]
            asks_task = params.tasks and at == 0
            came = await evaluate_answer(row, query, (), evaluating, params, functions if asks_task else None)
            votes += came.votes
        if params.against is not None:
            labels = labels_of([vote for vote in votes if vote.question == "answer"])
            for pair in pairs_of(of[instruction_id], params.against):
                await prefer_answer(pair, query, labels, preferring, params.temperature)
    share = len(of) / len(drawn) if drawn else 1.0
    words = (f"{len(drawn):,} of {len(of):,} instructions were looked at",) if len(drawn) < len(of) else ()
    return _missing(evaluating, share, words), _missing(preferring, share, words)


def votes_of_a_new_answer(params: EvaluateParams) -> int:
    """Of one that is not searched for yet, with its task."""
    return params.votes * (1 + params.tasks + params.alone)


def _missing(model: CountingModel, share: float, words: tuple[str, ...]) -> Missing:
    n, tokens = len(model.missing), sum(model.missing)
    return Missing(n * share, tokens / n if n else None, words)
