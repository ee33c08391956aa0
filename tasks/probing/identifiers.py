"""Identifiers in an answer, found by what their fields and the lists around them are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import count, islice
from typing import Any, TypeAlias
from urllib.parse import unquote

from tasks.calling.verdict import json_of
from tasks.probing.bounds import fits_text
from tasks.probing.wanted import words_of

_ITEMS = 20  # of a list are looked at
_DEPTH = 6
_FIELDS = 100  # of an object
_THINGS = 500  # of an answer are looked at, those nearest to the top
_MAPPING = 5  # keys of like values are data; fewer may be names of lists
_LONGEST = 200  # characters of an identifier
_LONGEST_NAME = 60  # characters of a name that is searched for
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# Fields that identify an item, the likeliest first, where none is named like the parameter.
IDENTIFYING = (
    *("id", "uuid", "guid", "key", "slug", "code", "symbol", "ticker", "number", "username", "login"),
    *("handle", "ref", "sku", "name"),
)
# Addresses of an item, whose last part is its identifier where no field is.
_ADDRESSES = ("href", "url", "uri", "self", "link")
# What a person would search for, the likeliest first.
_NAMING = ("name", "title", "label", "displayname", "fullname", "keyword", "term", "word", "symbol", "slug")
# Names of what merely holds the answer: things in them are of the kind that was asked for.
_WRAPPERS = frozenset(
    {
        *("content", "data", "document", "edge", "embedded", "entity", "entry", "hit", "item", "list"),
        *("match", "node", "object", "page", "payload", "record", "response", "result", "row", "value"),
    }
)


@lru_cache(maxsize=10_000)
def noun_of(name: str) -> str:
    """A name as one plain word in the singular: "Line-Items" is "lineitem"."""
    plain = _plain(name)
    words = words_of(name)
    return plain if not words or not plain.isalpha() or not plain.isascii() else "".join(words)


@lru_cache(maxsize=10_000)
def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


@dataclass(frozen=True)
class Kind:
    """What the values of a parameter identify.

    name: the parameter's, as `noun_of` gives it; generic: it says only that it identifies ("id", "name").
    mark: the last word where it is such a word ("id" of `projectId`).  nouns: the things it may be of, the
    likeliest first.  searches: anything's name will do.
    """

    name: str
    mark: str | None
    nouns: tuple[str, ...]
    type: str
    schema: Mapping[str, Any] = field(compare=False)
    searches: bool = False

    @property
    def generic(self) -> bool:
        return self.name == self.mark

    def accepts(self, value: Any) -> bool:
        """Whether the parameter could have this value."""
        if isinstance(value, str):
            if self.type in {"integer", "number"}:
                return value.isascii() and value.isdecimal() and len(value) <= _LONGEST
            fits = fits_text(value, self.schema) and 0 < len(value.strip()) <= _LONGEST
            return fits and (self.schema.get("format") != "uuid" or bool(_UUID.fullmatch(value)))
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return False
        return self.type != "integer" or not isinstance(value, float) or value.is_integer()


@dataclass(frozen=True, eq=False)
class Thing:
    """An object of an answer, or a bare value of a list.

    nouns: what it is one of, by the name it stands under.  fields: its plain values by `noun_of` their
    name; a bare value, or the key of an entry in a mapping, is under "".  above: what it stands in; parts:
    objects in it, by name.  place: equal for all things of one list.
    """

    nouns: tuple[str, ...]
    fields: Mapping[str, Any]
    above: Thing | None
    place: int | None
    parts: dict[str, Thing] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """An operation's good answer: the arguments it was called with, and its body.

    nouns: what the operation is about; what its answer gives no name is taken for one of these.
    """

    arguments: Mapping[str, Any]
    body: str
    api_id: str = ""
    nouns: tuple[str, ...] = ()

    @cached_property
    def looked_through(self) -> tuple[Sequence[Thing], frozenset[str]]:
        """The things in it, level by level in its order, and the names of lists that hold nothing."""
        looking = _Looking()
        level: _Level = [_Spot(json_of(self.body), self.nouns, None)]
        for _ in range(_DEPTH):
            level = [below for spot in level for below in looking.below(spot)]
        return looking.things, frozenset(looking.empty)


@dataclass(frozen=True)
class _Spot:
    """A value of an answer.  place, key: where it is one of a list, or an entry of a mapping."""

    value: Any
    nouns: tuple[str, ...]
    above: Thing | None
    place: int | None = None
    key: str = ""


_Level: TypeAlias = list[_Spot]


@dataclass
class _Looking:
    things: list[Thing] = field(default_factory=list)
    empty: set[str] = field(default_factory=set)
    _lists: Iterator[int] = field(default_factory=count)

    def below(self, spot: _Spot) -> _Level:
        """What is in the value; if it is a thing, it is noted."""
        if isinstance(spot.value, list):
            place = next(self._lists)
            return [replace(spot, value=item, place=place) for item in spot.value[:_ITEMS]]
        if len(self.things) >= _THINGS:
            return []
        fields = _fields(spot.value, spot.key)
        if not fields and not isinstance(spot.value, dict):
            return []
        thing = Thing(spot.nouns, fields, spot.above, spot.place)
        self.things.append(thing)
        if spot.above is not None and spot.place is None:
            for noun in spot.nouns:
                spot.above.parts.setdefault(noun, thing)
        inside = spot.value.items() if isinstance(spot.value, dict) else ()
        return [below for name, value in islice(inside, _FIELDS) for below in self._named(name, value, thing)]

    def _named(self, name: str, value: Any, above: Thing) -> _Level:
        noun = noun_of(name)
        if value in ([], {}):
            self.empty.add(noun)
            return []
        nouns = above.nouns if noun in _WRAPPERS else (noun,)
        if isinstance(value, dict) and noun != _plain(name) and noun not in _WRAPPERS:
            place = next(self._lists)  # "projects": {"p1": {...}}: the keys tell which
            entries = list(value.items())[:_ITEMS]
            return [
                _Spot(entry if isinstance(entry, dict) else None, nouns, above, place, key)
                for key, entry in entries
            ]
        if isinstance(value, (dict, list)):
            return [_Spot(value, nouns, above)]
        if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
            return [_Spot(json_of(value), nouns, above)]  # an answer within the answer
        return []


def _fields(value: Any, key: str) -> dict[str, Any]:
    own = {"": key} if key else {}
    if isinstance(value, dict):
        plain = [(noun_of(name), inner) for name, inner in islice(value.items(), _FIELDS)]
        return own | {name: inner for name, inner in reversed(plain) if _is_plain(inner)}
    return {"": value} if _is_plain(value) else own


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""


@dataclass(frozen=True)
class Candidate:
    """A value for a parameter.  rank: how sure it is one, 0 the surest; `UNSURE`: a first list's."""

    value: Any
    rank: int
    thing: Thing
    answered: Answered


UNSURE = 6


def candidates(kind: Kind, answered: Answered, *, own_list: bool) -> Iterator[Candidate]:
    """Those of one answer, in its order.

    own_list: the operation stands right above the parameter, so that a list without a telling name may be
    of the things that are looked for; unless there is one with their name, and be it empty.
    """
    things, empty = answered.looked_through
    told = False
    for thing in things:
        # What an operation lists is likelier to be found than what stands beside it.
        beside = int(kind.searches and not set(thing.nouns) & set(answered.nouns))
        for sure, value in _in_thing(kind, thing):
            rank = sure + beside
            if kind.accepts(value):
                told = told or rank < UNSURE
                yield Candidate(value, rank, thing, answered)
    if own_list and not told and kind.nouns[:1] and kind.nouns[0] not in empty:
        yield from _in_first_list(kind, answered)


def value_in(kind: Kind, thing: Thing) -> Any | None:
    """The value that goes with one of another parameter found in this thing: in itself, or around it."""
    place: Thing | None = thing
    while place is not None:
        parts = (part for noun, part in place.parts.items() if noun in kind.nouns)
        found = [
            *((rank, value) for rank, value in _in_thing(kind, place) if rank < 3),
            *((rank, value) for part in parts for rank, value in _in_thing(kind, part)),
        ]
        accepted = [each for each in found if kind.accepts(each[1])]
        if accepted:
            return min(accepted, key=lambda each: each[0])[1]
        place = place.above
    return None


def _in_thing(kind: Kind, thing: Thing) -> Iterator[tuple[int, Any]]:
    if kind.searches:
        yield from _names(kind, thing)
        return
    fields = thing.fields
    if not kind.generic and kind.name in fields:
        yield 0, fields[kind.name]
        return
    at = next((at for at, noun in enumerate(kind.nouns) if noun in thing.nouns), None)
    if at is None:
        # {"project": "p1"} tells a projectId, {"tenantId": "acme"} a tenant.
        for noun in kind.nouns[:1]:
            marked = (fields.get(f"{noun}{mark}") for mark in IDENTIFYING)
            value = fields.get(noun, next((value for value in marked if value is not None), None))
            if value is not None and not (kind.generic and noun in _WRAPPERS):
                yield 3, value
        return
    surest = 1 if at == 0 else 2
    if "" in fields:
        yield surest, fields[""]
        return
    own = [f"{kind.nouns[at]}{kind.mark}", kind.mark] if kind.mark else [kind.nouns[at]]
    found = list(dict.fromkeys(name for name in (*own, *IDENTIFYING) if name in fields))
    for turn, name in enumerate(found):
        rank = surest if name in own or (turn == 0 and kind.mark is None) else 4
        yield rank, fields[name]
    address = next((fields[name] for name in _ADDRESSES if "/" in str(fields.get(name, ""))), "")
    if address and not found:
        yield 4, unquote(re.split("[?#]", address)[0].rstrip("/").rpartition("/")[2])


def _names(kind: Kind, thing: Thing) -> Iterator[tuple[int, Any]]:
    related = any(noun in thing.nouns for noun in kind.nouns)
    names = (name for name in (*_NAMING, "") if isinstance(thing.fields.get(name), str))
    name = next(names, None)
    if name is not None and thing.place is not None and len(thing.fields[name]) <= _LONGEST_NAME:
        yield (0 if related else 1), thing.fields[name]


def _in_first_list(kind: Kind, answered: Answered) -> Iterator[Candidate]:
    """The items of the list nearest to the top, of objects if there is such a one; or else the keys of the
    answer, or of what it wraps.
    """
    things, _ = answered.looked_through
    keys = _keys(json_of(answered.body))
    listed = [thing for thing in things if thing.place is not None]
    if len(keys) >= _MAPPING or not listed:
        yield from (Candidate(key, UNSURE, things[0], answered) for key in keys if kind.accepts(key))
        return
    first = next((thing for thing in listed if thing.fields.keys() - {""}), listed[0])
    for thing in listed:
        if thing.place == first.place:
            names = (name for name in (kind.mark, *IDENTIFYING, "") if name in thing.fields)
            value = next((thing.fields[name] for name in names if name is not None), None)
            if kind.accepts(value):
                yield Candidate(value, UNSURE, thing, answered)


def _keys(answer: Any) -> list[str]:
    """The keys of an answer that is a mapping, or wraps one: whose values are alike."""
    inner = [part for part in answer.values() if isinstance(part, dict)] if isinstance(answer, dict) else []
    mapping = inner[0] if len(inner) == 1 else answer
    alike = isinstance(mapping, dict) and len({type(value) for value in mapping.values()}) == 1
    return list(mapping)[:_ITEMS] if alike and len(mapping) > 1 else []
