"""What anybody knows of a parameter by its format and its name; the knowledge itself is `known.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from tasks.probing.bounds import fits_text, fitted_number
from tasks.probing.wanted import Wanted, words_of

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class _Entry:
    """An entry of the file.  names: the words of each; run_together: each as one word."""

    names: tuple[frozenset[str], ...]
    run_together: frozenset[str]
    near: frozenset[str]
    anywhere: bool
    hollow: bool
    values: tuple[str, ...]
    numbers: tuple[float, ...]

    def closeness(self, words: tuple[str, ...], generic: frozenset[str]) -> int:
        """How many words of the parameter's name the entry has; 0 when it does not mean it."""
        own, last = frozenset(words), words[-1]
        free = self.anywhere or last in generic
        matched = max((len(name) for name in self.names if name <= own and (free or last in name)), default=0)
        return max(matched, len(own) if "".join(words) in self.run_together else 0)


@dataclass(frozen=True)
class _Book:
    entries: tuple[_Entry, ...]
    generic: frozenset[str]
    formats: Mapping[str, tuple[str, ...]]
    types: Mapping[str, tuple[Any, ...]]
    low: frozenset[str]
    high: frozenset[str]


@cache
def book() -> _Book:
    """The file, read once."""
    read = tomllib.loads((Path(__file__).parent / "known.toml").read_text(encoding="utf-8"))
    return _Book(
        entries=tuple(map(_entry, read["known"])),
        generic=frozenset(read["generic"]),
        formats={name: tuple(values) for name, values in read["formats"].items()},
        types={name: tuple(values) for name, values in read["types"].items()},
        low=frozenset(read["pairs"]["low"]),
        high=frozenset(read["pairs"]["high"]),
    )


def _entry(read: Mapping[str, Any]) -> _Entry:
    names = [words_of(name) for name in read["names"]]
    return _Entry(
        names=tuple(map(frozenset, names)),
        run_together=frozenset(map("".join, names)),
        near=frozenset(word for near in read.get("near", ()) for word in words_of(near)),
        anywhere=read.get("anywhere", False),
        hollow=read.get("hollow", False),
        values=tuple(read.get("values", ())),
        numbers=tuple(read.get("numbers", ())),
    )


def known_values(wanted: Wanted) -> tuple[Any, ...]:
    """Values that format and name suggest, of the parameter's type and within its bounds; often none.

    The n-th values of the parameters of one API go together.
    """
    if wanted.type == "array":
        return tuple([value] * _least_items(wanted) for value in _values(wanted, *_items(wanted)))
    return tuple(_values(wanted, wanted.type, wanted.schema))


def is_well_known(wanted: Wanted) -> bool:
    """Whether the values that a name suggests are likely to exist where they are asked for."""
    entry = _meant(wanted)
    return entry is not None and not entry.hollow and bool(known_values(wanted))


def _items(wanted: Wanted) -> tuple[str, Mapping[str, Any]]:
    items = wanted.schema.get("items")
    schema = items if isinstance(items, dict) else {}
    kind = schema.get("type", "string")
    return kind if isinstance(kind, str) else "string", schema


def _least_items(wanted: Wanted) -> int:
    least = wanted.schema.get("minItems")
    return min(max(least, 1), 100) if isinstance(least, int) else 1


def _values(wanted: Wanted, json_type: str, schema: Mapping[str, Any]) -> Iterator[Any]:
    entry = _meant(wanted)
    match json_type:
        case "string":
            formatted = book().formats.get(str(schema.get("format")).lower(), ())
            named = () if entry is None else entry.values or tuple(map(str, entry.numbers))
            # A start date is a date that comes before the end date: the name knows more than the format.
            texts = tuple(_in_format(named, formatted)) or formatted if formatted else named
            yield from (text for text in texts if fits_text(text, schema))
        case "integer" | "number":
            for number in () if entry is None else entry.numbers:
                yield fitted_number(number, schema, whole=json_type == "integer")


def _meant(wanted: Wanted) -> _Entry | None:
    """The entry that means the parameter: with most words in common, then one for its surroundings."""
    if not wanted.words:
        return None
    best: _Entry | None = None
    closest = (0, False)
    for entry in _entries_with(wanted.words):
        if entry.near and not entry.near & wanted.context.words:
            continue
        close = (entry.closeness(wanted.words, book().generic), bool(entry.near))
        if close[0] and close > closest:
            best, closest = entry, close
    return best


@lru_cache(maxsize=10_000)
def _entries_with(words: tuple[str, ...]) -> tuple[_Entry, ...]:
    """Those that mean a parameter of these words somewhere, in the order of the file."""
    return tuple(entry for entry in book().entries if entry.closeness(words, book().generic))


def _in_format(named: tuple[str, ...], formatted: tuple[str, ...]) -> Iterator[str]:
    """Those of the name's values that look like the format's; a date becomes the beginning of its day."""
    look = _look(formatted[0])
    for text in named:
        if _look(text) == look:
            yield text
        elif _DATE.fullmatch(text) and _look(f"{text}T00:00:00Z") == look:
            yield f"{text}T00:00:00Z"


def _look(text: str) -> str:
    """Digits and letters made equal: dates look like dates, whichever they are; free text like no other."""
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text)) if _DATE.match(text) else text
