"""Answers: whole sentences that state what the calls returned, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.teacher.documents import (
    Api,
    first_sentences,
    name_stems,
    spoken,
    stems,
)
from sandbox.teacher.observations import Fact, Observation, as_text, is_cut_mark, read
from sandbox.teacher.values import said
from sandbox.teacher.writing import sayable

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Try:
    """A call that was made of an offered function, with arguments that were JSON."""

    api: Api
    arguments: Json
    observation: Observation


def to_person(wish: str) -> str:
    """A wish as the one who fulfils it repeats it."""
    return re.sub(r"\bme\b", "you", re.sub(r"\bmy\b", "your", wish))


def with_values(api: Api, arguments: Json) -> str:
    """A wish with the values that it was called with."""
    given = [said(one, arguments[one.name]) for one in api.parameters if sayable(arguments.get(one.name))]
    wish = re.sub(r"\bme\b", "you", api.wish) if api.wish.startswith("give") else api.wish
    wish = to_person(wish)
    return f"{wish} ({', '.join(given)})" if given else wish


_MOST_SINGLE, _MOST_ENTRIES, _MOST_OF_ENTRY, _LONGEST_TEXT = 6, 4, 3, 160
_DULL = frozenset(
    map(str, name_stems("id url link href image icon hash token status ok success timestamp version"))
)


def telling_facts(one: Try) -> str:
    """Single values first, then lists with their first entries; nothing but what the call returned."""
    value = one.observation.value
    asked = set(stems(one.api.wish))
    given = {as_text(argument).lower() for argument in one.arguments.values()}
    lists = {} if not isinstance(value, (dict, list)) else dict(_lists(value, ()))
    single = [
        fact for fact in one.observation.facts if not any(fact.path[: len(path)] == path for path in lists)
    ]
    fresh = [fact for fact in single if as_text(fact.value).lower() not in given] or single
    best = sorted(fresh, key=lambda fact: _dullness(fact, asked))[: max(2, _MOST_SINGLE - 2 * len(lists))]
    parts = [_statement(fact) for fact in fresh if fact in best]
    for path, entries in sorted(lists.items(), key=lambda item: len(item[0]))[:2]:
        name = _name(path) or "entries"
        shown = [entry for entry in entries if not is_cut_mark(entry)][:_MOST_ENTRIES]
        parts.append(f"the {name}: " + "; ".join(_entry(entry, asked, given) for entry in shown))
    return ", ".join(parts)


def _lists(value: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], list[Any]]]:
    """Lists that have entries, not those inside of lists."""
    if isinstance(value, list):
        return [(path, value)] if value else []
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in _lists(inner, (*path, str(key)))]
    return []


def _entry(entry: Any, asked: set[str], given: set[str]) -> str:
    if not isinstance(entry, (dict, list)):
        return first_sentences(as_text(entry), _LONGEST_TEXT).rstrip(".")
    facts = [fact for fact in read(json.dumps(entry)).facts if as_text(fact.value).lower() not in given]
    best = sorted(facts, key=lambda fact: _dullness(fact, asked))[:_MOST_OF_ENTRY]
    parts = [(f"{spoken(fact.key)} " if fact.key else "") + _text(fact) for fact in facts if fact in best]
    return ", ".join(parts)


def _dullness(fact: Fact, asked: set[str]) -> float:
    """Lower for what the wish speaks of, higher for what lies deep, is long or for machines."""
    words = {stem for step in fact.path if isinstance(step, str) for stem in name_stems(step)}
    text = as_text(fact.value)
    dull = 0.4 * len(fact.path) - 2 * bool(words & asked) + 2 * bool(words & _DULL)
    return dull + 1.5 * text.startswith(("http", "data:")) + 0.01 * max(len(text) - 40, 0)


def _statement(fact: Fact) -> str:
    name = _name(fact.path)
    last = name.rpartition(" ")[2]
    plural = len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is"))
    return f"the {name} {'are' if plural else 'is'} {_text(fact)}" if name else _text(fact)


def _name(path: Sequence[str | int]) -> str:
    """The key as words, with the one above it, where that says something."""
    keys = [step for step in path if isinstance(step, str)]
    above = [
        key for key in keys[-2:-1] if key.lower() not in {"data", "result", "results", "response", "items"}
    ]
    return " ".join(map(spoken, [*above, *keys[-1:]]))


def _text(fact: Fact) -> str:
    return first_sentences(as_text(fact.value), _LONGEST_TEXT).rstrip(".")
