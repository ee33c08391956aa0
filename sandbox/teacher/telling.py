"""Answers: whole sentences that state what the calls returned, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.teacher.documents import (
    Api,
    as_done,
    first_sentences,
    name_stems,
    spoken,
    stems,
)
from sandbox.teacher.observations import Fact, Observation, as_text, is_cut_mark
from sandbox.teacher.values import said
from sandbox.teacher.writing import sayable

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Try:
    """A call that was made of an offered function, with arguments that were JSON."""

    api: Api
    arguments: Json
    observation: Observation


def with_values(api: Api, arguments: Json) -> str:
    """What was done, and with which values."""
    given = [said(one, arguments[one.name]) for one in api.parameters if sayable(arguments.get(one.name))]
    return f"{as_done(api.wish)} ({', '.join(given)})" if given else as_done(api.wish)


_MOST_FACTS, _MOST_OF_ENTRY, _MOST_ENTRIES, _MOST_VALUES, _LONGEST_TEXT = 8, 3, 4, 12, 160
_DULL = frozenset(
    map(str, name_stems("id url link href image icon hash token status ok success timestamp version"))
)


def telling_facts(one: Try) -> str:
    """Values by their names, then lists with their first entries; nothing but what the call returned."""
    asked = set(stems(one.api.wish))
    given = {as_text(argument).lower() for argument in one.arguments.values()}
    leaves = list(_leaves(one.observation.value, ())) or list(one.observation.facts)
    lists = [leaf for leaf in leaves if not _is_plain(leaf)][:2]
    single = [leaf for leaf in leaves if _is_plain(leaf)]
    parts = _best(single, asked, given, _MOST_FACTS - 2 * len(lists))
    for leaf in lists:
        shown = [entry for entry in leaf.value if not is_cut_mark(entry)][:_MOST_ENTRIES]
        entries = [_best(_plain_leaves(entry), asked, given, _MOST_OF_ENTRY) for entry in shown]
        told = ", ".join(f"({', '.join(entry)})" for entry in entries)
        parts.append(f"{_name(leaf.path)} {told}".strip())
    return "; ".join(parts)


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[Fact]:
    """Single values, and whole lists."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif value not in (None, "", []) and not is_cut_mark(value):
        yield Fact(path, value)


def _is_plain(leaf: Fact) -> bool:
    return not isinstance(leaf.value, list) or not any(isinstance(one, (dict, list)) for one in leaf.value)


def _plain_leaves(entry: Any) -> list[Fact]:
    leaves = list(_leaves(entry, ()))
    return [leaf for leaf in leaves if _is_plain(leaf)] or leaves


def _best(leaves: list[Fact], asked: set[str], given: set[str], most: int) -> list[str]:
    """Those that tell most, in their order; what was known before only where nothing else came back."""
    fresh = [leaf for leaf in leaves if as_text(leaf.value).lower() not in given] or leaves
    best = sorted(fresh, key=lambda leaf: _dullness(leaf, asked))[:most]
    return [_statement(leaf) for leaf in fresh if leaf in best]


def _dullness(fact: Fact, asked: set[str]) -> float:
    """Lower for names and what the wish speaks of, higher for what lies deep, is long or for machines."""
    words = {stem for step in fact.path if isinstance(step, str) for stem in name_stems(step)}
    text = as_text(fact.value)
    dull = 0.4 * len(fact.path) - 2 * bool(words & (asked | {"name", "title"})) + 2 * bool(words & _DULL)
    return dull + 1.5 * text.startswith(("http", "data:")) + 0.01 * max(len(text) - 40, 0)


def _statement(fact: Fact) -> str:
    """`rank 3`, `rgb 63, 124 and 172`, `valid yes`."""
    value = fact.value if isinstance(fact.value, list) else [fact.value]
    told = [_text(entry, among=len(value) > 1) for entry in value if not is_cut_mark(entry)]
    if len(told) > _MOST_VALUES:
        told = [*told[:_MOST_VALUES], f"{len(told) - _MOST_VALUES} more"]
    listed = f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else "".join(told)
    return f"{_name(fact.path)} {listed}".strip()


def _name(path: Sequence[str | int]) -> str:
    """The key as words, with the one above it, where that says something."""
    keys = [step for step in path if isinstance(step, str)]
    above = [
        key for key in keys[-2:-1] if key.lower() not in {"data", "result", "results", "response", "items"}
    ]
    return " ".join(map(spoken, [*above, *keys[-1:]]))


def _text(value: Any, *, among: bool) -> str:
    """A value as it came; in quotes where it ends like a sentence, or has several words among others."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = first_sentences(as_text(value), _LONGEST_TEXT)
    return f'"{text}"' if text[-1:] in ".,;:!?" or (among and " " in text) else text
