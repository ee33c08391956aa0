"""Which parts of a request functions serve, and which of their required values it gives."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.teaching.functions import Function, Offer, Offers
from sandbox.teaching.observation import Fact, matching
from sandbox.teaching.pairing import values_in_query
from sandbox.teaching.plan import Subtask, clauses, score, sentence_end
from sandbox.teaching.stages import FINISH
from sandbox.teaching.words import plain

Json = dict[str, Any]
_ENOUGH = 0.3
_SURE = 0.5
_DEEPEST = 32
_ASKS = re.compile(
    r"""\?\s*$|^(?:\w+\ \w+:\s|\w+,\s)?(?:please|kindly|(?:give|get|tell|show)\ me|find|look\ up|list|check
    |calculate|compute|convert|translate|search|book|order|send)\b
    |\b(?:i\ need(?!\ it)|we\ need(?!\ it)|i\ (?:want|would\ like|need)\ you\ to|tell\ me|let\ me\ know)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ABOUT_THE_ANSWER = re.compile(
    r"\b(?:answers?|results?|the following|refrain|mention|summari[sz]e|leave \w+ out|all i need)\b",
    re.IGNORECASE,
)
_offers = Offers()


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a request, the function that serves it best, and its required values that are not given."""

    clause: str
    function: Function | None
    lacking: tuple[str, ...] = ()


def parts_asked_for(query: str, functions: list[Json]) -> list[Part]:
    """The clauses that functions serve, and the sentences that ask for something none serves.

    The whole request where it has neither.
    """
    offer = _offers.of(functions)
    parts: list[Part] = []
    for sentence in _by_sentence(query):
        shown = [_served_best(clause, start, query, offer) for start, clause in sentence]
        serving = [part for part in shown if part.function is not None]
        said = " ".join(clause for _, clause in sentence)
        asks = _ASKS.search(said) and not _ABOUT_THE_ANSWER.search(said)
        parts += serving or ([Part(said, None)] if asks else [])
    return parts or [_served_best(query, 0, query, offer)]


def _by_sentence(query: str) -> list[list[tuple[int, str]]]:
    sentences: dict[int, list[tuple[int, str]]] = {}
    for start, clause in clauses(query):
        sentences.setdefault(sentence_end(query, start + len(clause)), []).append((start, clause))
    return list(sentences.values())


def served(query: str, documents: list[Json]) -> dict[str, Part | None]:
    """For each API, by its name, the part of the request that calls for it."""
    offer = _offers.of([as_function(document) for document in documents])
    parts: dict[str, Part | None] = {}
    for document, function in zip(documents, offer.functions, strict=True):
        shown = [_facts(other.get("response")) for other in documents if other is not document]
        known = tuple(fact for facts in shown for fact in facts)
        best = max(clauses(query) or [(0, query)], key=lambda part: score(part[1], function))
        name = str(document.get("api_name") or "")
        enough = score(best[1], function) >= _SURE
        lacking = _lacking(function, best[1], best[0], query, known, defaults=False)
        parts[name] = Part(best[1], function, lacking) if enough else None
    return parts


def _served_best(clause: str, start: int, query: str, offer: Offer) -> Part:
    ranked = sorted(offer.functions, key=lambda function: (-score(clause, function), function.order))
    if not ranked or score(clause, ranked[0]) < _ENOUGH:
        return Part(clause, None)
    others = len(offer.functions) > 1  # any of which may bring an identifier
    lacking = _lacking(ranked[0], clause, start, query, ())
    return Part(clause, ranked[0], () if others and all(map(_is_identifier, lacking)) else lacking)


def _lacking(
    function: Function,
    clause: str,
    start: int,
    query: str,
    known: tuple[Fact, ...],
    *,
    defaults: bool = True,
) -> tuple[str, ...]:
    """Required parameters that the request gives no value for.  defaults: whether they count as given."""
    given = values_in_query(Subtask(function, clause, start, 0.0), query)
    return tuple(
        plain(parameter.name)
        for parameter in function.required
        if parameter not in given
        and not (parameter.kind == "boolean" or (defaults and parameter.has_default))
        and not matching(known, parameter.stems)
    )


def _is_identifier(spoken: str) -> bool:
    return spoken.rpartition(" ")[2] in {"id", "code", "key", "slug", "identifier", "number"}


def _facts(response: Any, depth: int = 0) -> Iterable[Fact]:
    if isinstance(response, dict) and depth < _DEEPEST:
        for key, inner in response.items():
            yield Fact((str(key),), inner)
            yield from _facts(inner, depth + 1)
    elif isinstance(response, list) and depth < _DEEPEST:
        for inner in response[:3]:
            yield from _facts(inner, depth + 1)


def as_function(document: Json) -> Json:
    """A document as a function would be offered."""
    listed = document.get("parameters")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    name = str(document.get("api_name") or "")
    return {
        "name": f"{name} API" if name == FINISH else name,  # which is no API where functions are offered
        "description": str(document.get("api_description") or ""),
        "parameters": {
            "type": "object",
            "properties": {str(entry.get("name", "")): entry for entry in entries},
            "required": [str(entry.get("name", "")) for entry in entries if entry.get("required") is True],
        },
    }
