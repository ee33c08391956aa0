"""Decides which offered functions a query needs, and in which order."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sandbox.teaching.functions import Function, Offer, phrases_of
from sandbox.teaching.mentions import mentions
from sandbox.teaching.words import stems

_CLAUSES = re.compile(
    r"""(?<=[.!?;])\s+|;\s*|\n+|,?\s+(?:and|then|plus)\s+(?=(?:also|then|please|could|can|would|i|we|find|tell|give
    |get|show|look|convert|calculate|check|list|what|how|whether|suggest|provide|search)\b)
    |,\s+(?:also|then)\s+|\s+as\ well\ as\s+""",
    re.IGNORECASE | re.VERBOSE,
)
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)")
_ENOUGH = 0.3
_SECOND_ENOUGH = 0.35
_SHARE_OF_BEST = 0.35
_SAME_WORDS = 0.8
_MOST_SUBTASKS = 5
_REMEMBERED = 1024


@dataclass(frozen=True, eq=False)
class Subtask:
    """A part of the query and the function that serves it."""

    function: Function
    clause: str
    start: int
    score: float


@dataclass(frozen=True, eq=False)
class Plan:
    """subtasks: in the order to be done; others: the remaining functions, the likeliest first."""

    subtasks: tuple[Subtask, ...]
    others: tuple[Subtask, ...]


class Plans:
    """Remembers plans: every step of a search needs the same one."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int], tuple[Offer, Plan]] = OrderedDict()

    def of(self, query: str, offer: Offer) -> Plan:
        key = (query, id(offer))
        known = self._known.get(key)
        if known is not None and known[0] is offer:
            self._known.move_to_end(key)
            return known[1]
        made = plan(query, offer)
        self._known[key] = (offer, made)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return made


def plan(query: str, offer: Offer) -> Plan:
    """A subtask for each clause that a function fits well, and a second where the clause asks for more."""
    best: dict[Function, Subtask] = {}
    for start, clause in clauses(query):
        for task in _fits(clause, start, offer):
            if task.function not in best or task.score > best[task.function].score:
                best[task.function] = task
    whole = _ranked(Subtask(function, query, 0, score(query, function)) for function in offer.functions)
    chosen = _worth_doing(list(best.values())) or list(whole[:1])
    chosen.sort(key=lambda task: (task.start, task.function.order))
    chosen = _with_all_they_say(chosen, query)
    served = {task.function for task in chosen}
    return Plan(tuple(chosen), tuple(task for task in whole if task.function not in served))


def _with_all_they_say(tasks: list[Subtask], query: str) -> list[Subtask]:
    """Their clauses go on to the next task or the end of the sentence: values may follow "and get ..."."""
    starts = [task.start for task in tasks]
    whole = []
    for task in tasks:
        end = min(
            (start for start in starts if start > task.start),
            default=len(query),
        )
        end = min(end, sentence_end(query, task.start + len(task.clause)))
        clause = query[task.start : max(end, task.start + len(task.clause))]
        whole.append(replace(task, clause=clause.rstrip()))
    return whole


def sentence_end(query: str, after: int) -> int:
    """Where the sentence that goes on after a position ends; full stops in quotes end none."""
    quoted = _quoted(query)
    for end in _SENTENCE_END.finditer(query, max(after - 1, 0)):
        if not any(start < end.start() < stop - 1 for start, stop in quoted):
            return end.end()
    return len(query)


def _quoted(query: str) -> list[tuple[int, int]]:
    return [(mention.start, mention.end) for mention in mentions(query) if mention.kind == "quoted"]


def _worth_doing(tasks: list[Subtask]) -> list[Subtask]:
    """Without those that fit poorly beside the best one: clauses that happen to share a word or two."""
    best = max((task.score for task in tasks), default=0.0)
    return [task for task in _ranked(tasks) if task.score >= _SHARE_OF_BEST * best][:_MOST_SUBTASKS]


def _ranked(tasks: Iterable[Subtask]) -> list[Subtask]:
    return sorted(tasks, key=lambda task: (-task.score, task.function.order))


def _fits(clause: str, start: int, offer: Offer) -> list[Subtask]:
    """The function that fits a clause best, and one that fits what the first leaves over."""
    scored = _ranked(
        Subtask(function, clause, start, score(clause, function)) for function in offer.functions
    )
    if not scored or scored[0].score < _ENOUGH:
        return []
    left = set(stems(clause)) - scored[0].function.weights.keys()
    others = _ranked(replace(task, score=_matched(left, task.function)) for task in scored[1:])
    return [scored[0], *(task for task in others[:1] if task.score >= _SECOND_ENOUGH)]


def clauses(query: str) -> list[tuple[int, str]]:
    """The query's clauses with their positions."""
    found = []
    position = 0
    quoted = _quoted(query)
    for cut in _CLAUSES.finditer(query):
        if any(start < cut.start() < end for start, end in quoted):
            continue
        found.append((position, query[position : cut.start()]))
        position = cut.end()
    found.append((position, query[position:]))
    return [(start, clause) for start, clause in found if len(clause.split()) > 1]


def score(text: str, function: Function) -> float:
    """How well a text asks for a function: about 1 where it says all that tells the function apart."""
    return _matched(set(stems(text)), function) + _same_words(text, function)


def _matched(said: set[str], function: Function) -> float:
    matched = sum(function.weights[stem] for stem in said if stem in function.weights)
    return matched / math.sqrt(max(function.weight, 0.1) * max(function.weight, 2.0))


def _same_words(text: str, function: Function) -> float:
    """People often ask in the very words of a description."""
    if not function.phrases:
        return 0.0
    return _SAME_WORDS * len(function.phrases & phrases_of(text)) / len(function.phrases)
