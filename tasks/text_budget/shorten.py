"""JSON values written within a token budget: still valid JSON, and visibly cut where it is.

What goes first is what is longest: strings down to a readable length, then the tails of arrays and maps,
then the rest; keys of a record, whose values say different things, go last.  Each step is a ceiling for all
strings (or all arrays) alike, found by bisection, so that the result depends on the value and budget only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from tasks import exact_json
from tasks.text_budget.tokens import O200K, Tokenizer

CUT_KEY = "_cut"
FEW = 3  # elements that tell what a list is made of

_READABLE = 200  # characters a string keeps as long as arrays can be cut instead
_RECORD = 32  # objects with more keys whose values are all alike are maps, and cut like arrays
_IS_DATA = re.compile(r"\d[\d.:/TZ+ -]*")  # keys that are numbers or dates
_STUB = 24  # characters a string keeps when nothing else helps
_MAX_DEPTH = 100  # not every JSON library writes deeper values
# No JSON worth reading has more characters a token than this; saves counting what is far too long.
_MAX_CHARACTERS_PER_TOKEN = 32


@dataclass(frozen=True, slots=True)
class _Ceilings:
    """characters: of a string; items: of an array; keys: of a map, of a record only where `of_records`;
    depth: of nesting.
    """

    characters: int
    items: int
    keys: int
    depth: int = _MAX_DEPTH
    of_records: bool = False


_Attempt = Callable[[_Ceilings], "str | None"]


def json_text(value: Any) -> str:
    """Compact JSON text, non-ASCII characters as they are."""
    try:
        return exact_json.dumps(value).decode()
    except TypeError:
        pass
    try:
        return exact_json.text_of(value)  # lone surrogates are JSON, too
    except RecursionError:
        return json.dumps(value, separators=(",", ":"))


def few_elements(value: Any, headings: Set[int] = frozenset()) -> Any:
    """`value` with about three elements of each list, and of each map, at every depth; the rest counted.

    An element with keys that none before it has goes before one that shows nothing new.  A row of a table,
    and the names of its columns, are no lists: every place has its meaning.  headings: lengths of lists of
    texts beside the value.
    """
    if isinstance(value, dict):
        kept = list(value)[:FEW] if len(value) > FEW + 1 and _is_data_map(value) else value
        beside = {len(inner) for inner in value.values() if _is_texts(inner)}
        widths = {len(inner[0]) for inner in value.values() if beside and _is_table(inner, beside)}
        shown = {
            key: inner if _is_texts(inner) and len(inner) in widths else few_elements(inner, beside)
            for key in kept
            for inner in [value[key]]
        }
        return shown if len(kept) == len(value) else shown | {CUT_KEY: f"{len(value) - len(kept)} more keys"}
    if isinstance(value, (list, tuple)):
        at = _telling_positions(value) if len(value) > FEW + 1 else range(len(value))  # a mark is as long
        rows = _is_table(value, headings)
        few = [value[position] if rows else few_elements(value[position]) for position in at]
        left = len(value) - len(few)
        return [*few, {CUT_KEY: f"{left} more items"}] if left else few
    return value


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(text, str) for text in value)


def _is_table(rows: Any, headings: Set[int]) -> bool:
    """Whether they are lists of scalars, all of one length, not all of a kind or with a heading."""
    first = rows[0] if isinstance(rows, (list, tuple)) and rows else None
    if not isinstance(first, list) or not 1 < len(first) <= _RECORD:
        return False
    kinds = {_kind(cell) for cell in first} - {None}
    return (
        kinds <= {float, str, bool}
        and (len(kinds) > 1 or len(first) in headings)
        and all(isinstance(row, list) and len(row) == len(first) for row in rows)
    )


def _telling_positions(elements: list[Any] | tuple[Any, ...]) -> list[int]:
    seen: set[str] = set()
    telling: list[int] = []
    for position, element in enumerate(elements):
        said = element.items() if isinstance(element, dict) else ()
        new = {key for key, inner in said if key not in seen and inner not in (None, "", [], {})}
        if new and len(telling) < FEW:
            telling.append(position)
            seen |= new
    others = (position for position in range(len(elements)) if position not in telling)
    return sorted([*telling, *islice(others, FEW - len(telling))])


def _is_data_map(value: dict[str, Any]) -> bool:
    return all(map(_IS_DATA.fullmatch, value)) or _is_map(value)


def _is_map(value: dict[str, Any]) -> bool:
    """Many keys whose values are all alike: what the keys say is data."""
    if len(value) <= _RECORD:
        return False
    kinds = {_kind(inner) for inner in value.values()}
    return len(kinds - {None}) <= 1


def _kind(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float
    return None if value is None else type(value)


def shortened_json(
    value: Any, max_tokens: int, tokenizer: Tokenizer = O200K, wanted: Set[str] = frozenset()
) -> str:
    """JSON text of `value` in at most `max_tokens` (>= 1) tokens.

    Over budget, strings end in "...", arrays in {"_cut": "12 more items"}, objects in
    "_cut": "3 more keys".  The text always parses.  wanted: keys that go after all other keys.
    """
    if max_tokens < 1:
        raise ValueError(f"a token budget is at least 1, not {max_tokens}")
    limit = max_tokens * _MAX_CHARACTERS_PER_TOKEN
    text = _shallow_text(value)
    if text is not None and len(text) <= limit and tokenizer.fits(text, max_tokens):
        return text

    def attempt(ceilings: _Ceilings) -> str | None:
        try:
            text = json_text(_Shortening(ceilings, limit, wanted).of(value, ceilings.depth))
        except _TooLong:
            return None
        return text if len(text) <= limit and tokenizer.fits(text, max_tokens) else None

    return attempt(_Ceilings(limit, limit, limit)) or _shortest(attempt, limit, _lengths(value), value)


def _shallow_text(value: Any) -> str | None:
    """The JSON text of what is certainly nested no deeper than may be; most values fit as they are."""
    try:
        text = json_text(value)
    except RecursionError:
        return None
    return text if text.count("{") + text.count("[") <= _MAX_DEPTH else None


def _shortest(attempt: _Attempt, limit: int, longest: _Lengths, value: Any) -> str:
    return _readable(attempt, limit, longest) or _stub(attempt, longest, value)


def _readable(attempt: _Attempt, limit: int, longest: _Lengths) -> str | None:
    """Long strings shortened; else arrays and maps shortened, and strings given what room that left."""
    whole = _Ceilings(characters=limit, items=limit, keys=limit)

    def strings(base: _Ceilings) -> Iterable[_Ceilings]:
        return (replace(base, characters=n) for n in _ladder(_READABLE, min(longest.string, limit)))

    best = _best(attempt, strings(whole))
    if best is not None:
        return best[1]
    readable = replace(whole, characters=_READABLE)
    most = min(max(longest.array, longest.object), limit)
    best = _best(attempt, (replace(readable, items=n, keys=max(n, _RECORD)) for n in _ladder(1, most)))
    if best is None:
        return None
    regrown = _best(attempt, strings(best[0]))
    return best[1] if regrown is None else regrown[1]


def _stub(attempt: _Attempt, longest: _Lengths, value: Any) -> str:
    """The last resorts: short strings, one item, few keys, little depth; at the very end an empty value."""
    least = _Ceilings(characters=_STUB, items=1, keys=1, of_records=True)
    few_keys = (replace(least, keys=n) for n in _ladder(1, longest.object))
    little_depth = (replace(least, depth=n) for n in range(16))
    best = _best(attempt, few_keys) or _best(attempt, little_depth)
    if best is not None:
        return best[1]
    return "[]" if isinstance(value, list) else "{}"


def _ladder(least: int, most: int) -> list[int]:
    """Whole numbers from least to most, growing by about 5 %: close enough, and few enough to bisect."""
    steps = [least]
    while steps[-1] < most:
        steps.append(max(steps[-1] + 1, int(steps[-1] * 1.05)))
    return steps


def _best(attempt: _Attempt, ladder: Iterable[_Ceilings]) -> tuple[_Ceilings, str] | None:
    """The highest step that fits, taking it that lower ones fit, too; None when the lowest does not."""
    steps = list(ladder)
    text = attempt(steps[0])
    if text is None:
        return None
    best, low, high = (steps[0], text), 0, len(steps)
    while high - low > 1:
        middle = (low + high) // 2
        text = attempt(steps[middle])
        if text is None:
            high = middle
        else:
            best, low = (steps[middle], text), middle
    return best


class _TooLong(Exception):
    """What is being shortened is longer than what could fit: the rest need not be looked at."""


class _Shortening:
    """One attempt: a value under ceilings, given up as soon as its text has more than `room` characters.

    So an attempt costs what may be shown, not what there is.
    """

    def __init__(self, ceilings: _Ceilings, room: int, wanted: Set[str]) -> None:
        self._ceilings = ceilings
        self._room = room
        self._wanted = wanted

    def of(self, value: Any, depth: int) -> Any:
        """Raises `_TooLong`."""
        if isinstance(value, str):
            most = self._ceilings.characters
            text = value if len(value) <= most else value[:most] + "..."
            self._takes(len(text))
            return text
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, (list, tuple)):
            return self._array(value, depth)
        self._takes(1)
        return value

    def _takes(self, characters: int) -> None:
        self._room -= characters
        if self._room < 0:
            raise _TooLong

    def _object(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        if value and not depth:
            return {CUT_KEY: f"{len(value)} keys"}
        most, kept = self._ceilings.keys, {}
        is_cut = len(value) > most and (self._ceilings.of_records or _is_map(value))
        for key in self._best_keys(value, most) if is_cut else value:
            self._takes(len(key) + 3)
            kept[key] = self.of(value[key], depth - 1)
        if is_cut:
            kept[CUT_KEY] = f"{len(value) - most} more keys"
        return kept

    def _best_keys(self, value: dict[str, Any], most: int) -> Iterable[str]:
        """The first `most`, wanted ones before others, in the order they have."""
        if not self._wanted:
            return islice(value, most)
        best = set(islice(sorted(value, key=lambda key: key not in self._wanted), most))
        return (key for key in value if key in best)

    def _array(self, value: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        if value and not depth:
            return [{CUT_KEY: f"{len(value)} items"}]
        most = self._ceilings.items
        kept = [self.of(element, depth - 1) for element in islice(value, most)]
        if len(value) > most:
            kept.append({CUT_KEY: f"{len(value) - most} more items"})
        return kept


@dataclass(frozen=True, slots=True)
class _Lengths:
    """Of the longest string, array and object in a value."""

    string: int
    array: int
    object: int


def _lengths(value: Any) -> _Lengths:
    string = array = longest_object = 0
    for inner in _values(value):
        if isinstance(inner, str):
            string = max(string, len(inner))
        elif isinstance(inner, dict):
            longest_object = max(longest_object, len(inner))
        else:
            array = max(array, len(inner))
    return _Lengths(string, array, longest_object)


def _values(value: Any) -> Iterator[Any]:
    """The strings, arrays and objects in a value, down to where everything is cut."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        sized = [inner for inner in level if isinstance(inner, (str, dict, list, tuple))]
        yield from sized
        level = [
            below
            for outer in sized
            if not isinstance(outer, str)
            for below in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
