"""Decides which offered functions a query needs, and in which order."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from dataclasses import dataclass

from sandbox.teaching.functions import Function, Offer, phrases_of
from sandbox.teaching.mentions import mentions
from sandbox.teaching.words import stems

_CLAUSES = re.compile(
    r"""(?<=[.!?;])\s+|;\s*|\n+|,?\s+(?:and|then|plus)\s+(?=(?:also|then|please|could|can|would|i|we|find|tell|give
    |get|show|look|convert|calculate|check|list|what|how|whether|suggest|provide|search)\b)
    |,\s+(?:also|then)\s+|\s+as\ well\ as\s+""",
    re.IGNORECASE | re.VERBOSE,
)
_ENOUGH = 0.3
_SHARE_OF_BEST = 0.35  # less is a clause that happens to share a word or two
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
    """A subtask for each clause that a function fits well, and for functions the whole query speaks of."""
    best: dict[str, Subtask] = {}
    for start, clause in clauses(query):
        fitting = _best_fit(clause, start, offer)
        if fitting is not None and fitting.score > best.get(fitting.function.name, fitting).score - 1e-9:
            best[fitting.function.name] = fitting
    whole = sorted(
        (Subtask(function, query, 0, score(query, function, offer)) for function in offer.functions),
        key=lambda task: (-task.score, task.function.order),
    )
    most = max((task.score for task in best.values()), default=0.0)
    best = {name: task for name, task in best.items() if task.score >= _SHARE_OF_BEST * most}
    if not best and whole:
        best[whole[0].function.name] = whole[0]
    chosen = sorted(best.values(), key=lambda task: -task.score)[:_MOST_SUBTASKS]
    chosen.sort(key=lambda task: (task.start, task.function.order))
    names = {task.function.name for task in chosen}
    return Plan(tuple(chosen), tuple(task for task in whole if task.function.name not in names))


def clauses(query: str) -> list[tuple[int, str]]:
    """The query's clauses with their positions."""
    found = []
    position = 0
    quoted = [(mention.start, mention.end) for mention in mentions(query) if mention.kind == "quoted"]
    for cut in _CLAUSES.finditer(query):
        if any(start < cut.start() < end for start, end in quoted):
            continue
        found.append((position, query[position : cut.start()]))
        position = cut.end()
    found.append((position, query[position:]))
    return [(start, clause) for start, clause in found if len(clause.split()) > 1]


def score(text: str, function: Function, offer: Offer) -> float:
    """Between 0 and about 1: how much of what tells this function apart the text says."""
    said = set(stems(text))
    weights = {stem: weight * offer.rarity[stem] for stem, weight in function.gist.items()}
    matched = sum(weight for stem, weight in weights.items() if stem in said)
    main = sum(weight for stem, weight in weights.items() if function.gist[stem] >= 1.0)
    return matched / math.sqrt(max(main, 0.1) * max(main, 2.0)) + _same_words(text, function)


def _same_words(text: str, function: Function) -> float:
    """People often ask in the very words of a description."""
    if not function.phrases:
        return 0.0
    shared = function.phrases.intersection(phrases_of(text))
    return _SAME_WORDS * len(shared) / len(function.phrases)


def _best_fit(clause: str, start: int, offer: Offer) -> Subtask | None:
    scored = [(score(clause, function, offer), -function.order, function) for function in offer.functions]
    if not scored:
        return None
    value, _, function = max(scored, key=lambda entry: entry[:2])
    return Subtask(function, clause, start, value) if value >= _ENOUGH else None
