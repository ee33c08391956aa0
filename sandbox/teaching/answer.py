"""Writes the final answer: whole sentences that state what the observations say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sandbox.teaching import dice
from sandbox.teaching.functions import Function
from sandbox.teaching.observation import CUT_KEY, Fact, Observation, is_cut_mark
from sandbox.teaching.saying import Said
from sandbox.teaching.weaving import woven
from sandbox.teaching.words import first_sentences, name_stems, plain, stem_set

_MOST_FACTS = 6
_MOST_LISTS = 2
_MOST_ENTRIES = 5
_MOST_OF_ENTRY = 3
_LONGEST_TEXT = 160
_TOO_DULL = 3.0
_HEADLINE = stem_set("headline")
_DULL = stem_set("dull")
_ENVELOPES = frozenset({"data", "result", "results", "response", "items", "body"})
_OPENINGS = (
    "Here is what I found.",
    "I looked into all of it.",
    "This is the result.",
    "These are the findings.",
)
_OF_THINGS = (
    "As for {x}: {said}.",
    "Regarding {x}, {said}.",
    "I looked up {x}: {said}.",
    "Concerning {x}, {said}.",
)
_OF_DEEDS = (
    "Asked to {x}, I found that {said}.",
    "I set out to {x}, and {said}.",
    "You wanted me to {x}: {said}.",
)


@dataclass(frozen=True, eq=False)
class Finding:
    """A call that brought something."""

    function: Function
    arguments: Mapping[str, Any]
    observation: Observation


def final_answer(findings: Sequence[Finding], failures: Sequence[tuple[Function, str]], *seed: object) -> str:
    """A sentence or more for each finding, and one for each thing that could not be had."""
    paragraphs = [_told(finding, *seed) for finding in findings]
    paragraphs += [_missed(function, message) for function, message in failures]
    opening = [dice.pick(_OPENINGS, *seed, "opening")] if len(paragraphs) > 1 else []
    return " ".join([*opening, *paragraphs])


def _told(finding: Finding, *seed: object) -> str:
    wish = finding.function.wish
    sentence = dice.pick(_OF_DEEDS if wish.kind == "deed" else _OF_THINGS, *seed, finding.function.name)
    return sentence.replace("{x}", _subject(finding)).replace("{said}", _said(finding))


def _subject(finding: Finding) -> str:
    """What was asked for, with the values it was asked with."""
    given = [
        Said(parameter, finding.arguments[parameter.name])
        for parameter in finding.function.parameters
        if isinstance(finding.arguments.get(parameter.name), (str, int, float))
    ]
    return woven(finding.function.wish, given, "answer")


def _missed(function: Function, message: str) -> str:
    reason = first_sentences(message.replace("\n", " "), 140).rstrip(".")
    verb = "" if function.wish.kind == "deed" else "find out " if function.wish.kind == "fact" else "obtain "
    return f"I could not {verb}{function.wish.text}: {reason}."


def _said(finding: Finding) -> str:
    """The telling values: single ones first, then lists with their first entries."""
    value = finding.observation.value
    if isinstance(value, list):
        return _entries(value, "entries")
    given = {_comparable(one) for one in finding.arguments.values()}
    lists = _lists(value)
    listed = [fact for fact in finding.observation.facts if not _inside(fact, lists)]
    fresh = [fact for fact in listed if _comparable(fact.value) not in given]
    asked = frozenset(name_stems(finding.function.wish.text))
    single = _ranked(fresh or (listed if not lists else []), asked)[: _MOST_FACTS - 2 * len(lists)]
    single = [fact for fact in single if _dullness(fact, asked) < _TOO_DULL] or ([] if lists else single[:1])
    parts = [_statement(fact) for fact in single]
    parts += [_entries(entries, plain(path[-1])) for path, entries in lists.items()]
    return _and(parts)


def _comparable(value: Any) -> str:
    return f"{float(value):g}" if isinstance(value, (int, float)) else str(value).lower()


def _lists(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], list[Any]]:
    """The lists of an answer by their path, the first few, not those within lists."""
    found: dict[tuple[str, ...], list[Any]] = {}
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, list) and inner:
                found[(*path, str(key))] = inner
            elif isinstance(inner, dict):
                found |= _lists(inner, (*path, str(key)))
    return dict(list(found.items())[:_MOST_LISTS])


def _inside(fact: Fact, lists: Mapping[tuple[str, ...], Any]) -> bool:
    return any(fact.path[: len(path)] == path for path in lists)


def _entries(entries: list[Any], name: str) -> str:
    """ "there are 12 holidays, among them ...", or of a singular "the table has 12 entries, ..." """
    known = [entry for entry in entries if not is_cut_mark(entry)]
    number = len(known) + sum(_left_out(entry) for entry in entries if is_cut_mark(entry))
    shown = [text for entry in known[:_MOST_ENTRIES] if (text := _entry(entry))]
    start = _counted(name, number)
    if not shown:
        return start
    return f"{start}, {'namely' if len(shown) == number else 'among them'} {_and(shown)}"


def _counted(name: str, number: int) -> str:
    noun = "entries" if name in _ENVELOPES else name
    if number == 1:
        return f"the {noun} hold one entry" if _plural(noun) else f"the {noun} has one entry"
    return f"there are {number} {noun}" if _plural(noun) else f"the {noun} has {number} entries"


def _left_out(mark: Mapping[str, Any]) -> int:
    number = re.match(r"\d+", str(mark[CUT_KEY]))
    return int(number.group()) if number else 0


def _entry(entry: Any) -> str:
    if not isinstance(entry, dict):
        return _text(entry)
    facts = _ranked(_leaves(entry))[:_MOST_OF_ENTRY]
    if not facts:
        return ""
    first, *rest = facts
    aside = ", ".join(f"{plain(fact.key)} {_text(fact.value)}" for fact in rest)
    return f"{_text(first.value)} ({aside})" if aside else _text(first.value)


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[Fact]:
    if isinstance(value, dict):
        return [fact for key, inner in value.items() for fact in _leaves(inner, (*path, str(key)))]
    if isinstance(value, list):
        return [fact for number, inner in enumerate(value[:2]) for fact in _leaves(inner, (*path, number))]
    return [] if value is None or value == "" else [Fact(path, value)]


def _ranked(facts: Iterable[Fact], asked: Set[str] = frozenset()) -> list[Fact]:
    """The most telling first: what was asked for by name, headline keys, near the top, short values.

    Links and housekeeping come last, unless somebody asked for them.
    """
    return sorted(facts, key=lambda fact: _dullness(fact, asked))


def _dullness(fact: Fact, asked: Set[str]) -> float:
    words = set(name_stems(fact.key))
    text = str(fact.value)
    dull = 0.6 * len([step for step in fact.path if isinstance(step, str)])
    dull -= 1.5 * bool(words & _HEADLINE)
    if words & asked:
        return dull - 1.0
    dull += (
        2.0 * bool(words & _DULL)
        + 2.0 * (len(text) > 40 and " " not in text)
        + 1.5 * text.startswith(("http", "data:"))
        + 0.5 * isinstance(fact.value, bool)
    )
    return dull + 0.01 * max(len(text) - 40, 0)


def _statement(fact: Fact) -> str:
    if not fact.key:
        return _text(fact.value)
    name = _name(fact)
    if isinstance(fact.value, bool):
        return f"{name} is {'true' if fact.value else 'false'}"
    return f"the {name} {'are' if _plural(name) else 'is'} {_text(fact.value)}"


def _plural(name: str) -> bool:
    last = name.rpartition(" ")[2]
    return len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is"))


def _name(fact: Fact) -> str:
    """The key as words, with the one above it where there is one that says something."""
    names = [step for step in fact.path if isinstance(step, str)][-2:]
    telling = [name for name in names[:-1] if name.lower() not in _ENVELOPES]
    return " ".join(plain(name) for name in (*telling, names[-1]))


def _text(value: Any) -> str:
    """A value exactly as the answer had it, long texts cut at a word."""
    if isinstance(value, str):
        return first_sentences(" ".join(value.split()), _LONGEST_TEXT).rstrip(".")
    return json.dumps(value, ensure_ascii=False)


def _and(parts: Sequence[str]) -> str:
    if len(parts) <= 1:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
