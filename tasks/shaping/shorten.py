"""JSON values written within a token budget: still valid JSON, and visibly cut where it is.

What goes first is what is longest: strings down to a readable length, then the tails of arrays, then
the rest.  Each step is a ceiling for all strings (or all arrays) alike, found by bisection, so that the
result depends on the value and the budget only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import orjson

from tasks.shaping.tokens import fits

CUT_KEY = "_cut"

_READABLE = 200  # characters a string keeps as long as arrays can be cut instead
_RECORD = 32  # objects with more keys are maps, and cut like arrays
_STUB = 24  # characters a string keeps when nothing else helps
_MAX_DEPTH = 100  # not every JSON library writes deeper values
# No JSON worth reading has more characters a token than this; saves counting what is far too long.
_MAX_CHARACTERS_PER_TOKEN = 32


@dataclass(frozen=True, slots=True)
class _Ceilings:
    """characters: of a string; items: of an array; keys: of an object; depth: of nesting."""

    characters: int
    items: int
    keys: int
    depth: int = _MAX_DEPTH


_Attempt = Callable[[_Ceilings], "str | None"]


def json_text(value: Any) -> str:
    """Compact JSON text, non-ASCII characters as they are."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Integers beyond 64 bits and lone surrogates are JSON, too.
        return json.dumps(value, separators=(",", ":"))


def shortened_json(value: Any, max_tokens: int) -> str:
    """JSON text of `value` in at most `max_tokens` (>= 1) tokens.

    Over budget, strings end in "...", arrays in {"_cut": "12 more items"}, objects in
    "_cut": "3 more keys".  The text always parses.
    """
    if max_tokens < 1:
        raise ValueError(f"a token budget is at least 1, not {max_tokens}")
    limit = max_tokens * _MAX_CHARACTERS_PER_TOKEN
    # Whatever is cut here could not have fitted; it keeps huge values from being copied again and again.
    whole = _Ceilings(characters=limit, items=limit, keys=limit)
    value = _shortened(value, whole, whole.depth)

    def attempt(ceilings: _Ceilings) -> str | None:
        text = json_text(_shortened(value, ceilings, ceilings.depth))
        return text if len(text) <= limit and fits(text, max_tokens) else None

    return attempt(whole) or _readable(attempt, whole, value) or _stub(attempt, value)


def _readable(attempt: _Attempt, whole: _Ceilings, value: Any) -> str | None:
    """Long strings shortened; else arrays and maps shortened, and strings given what room that left."""

    def strings(base: _Ceilings) -> Iterable[_Ceilings]:
        return (replace(base, characters=n) for n in _ladder(_READABLE, _longest(value, str)))

    best = _best(attempt, strings(whole))
    if best is not None:
        return best[1]
    readable = replace(whole, characters=_READABLE)
    most = max(_longest(value, list), _longest(value, dict))
    best = _best(attempt, (replace(readable, items=n, keys=max(n, _RECORD)) for n in _ladder(1, most)))
    if best is None:
        return None
    regrown = _best(attempt, strings(best[0]))
    return best[1] if regrown is None else regrown[1]


def _stub(attempt: _Attempt, value: Any) -> str:
    """The last resorts: short strings, one item, few keys, little depth; at the very end an empty value."""
    least = _Ceilings(characters=_STUB, items=1, keys=1)
    few_keys = (replace(least, keys=n) for n in _ladder(1, _longest(value, dict)))
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


def _shortened(value: Any, ceilings: _Ceilings, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= ceilings.characters else value[: ceilings.characters] + "..."
    if isinstance(value, dict):
        return _shortened_object(value, ceilings, depth)
    if isinstance(value, (list, tuple)):
        return _shortened_array(value, ceilings, depth)
    return value


def _shortened_object(value: dict[str, Any], ceilings: _Ceilings, depth: int) -> dict[str, Any]:
    if value and not depth:
        return {CUT_KEY: f"{len(value)} keys"}
    kept = {
        key: _shortened(inner, ceilings, depth - 1) for key, inner in islice(value.items(), ceilings.keys)
    }
    if len(value) > ceilings.keys:
        kept[CUT_KEY] = f"{len(value) - ceilings.keys} more keys"
    return kept


def _shortened_array(value: list[Any] | tuple[Any, ...], ceilings: _Ceilings, depth: int) -> list[Any]:
    if value and not depth:
        return [{CUT_KEY: f"{len(value)} items"}]
    kept = [_shortened(element, ceilings, depth - 1) for element in value[: ceilings.items]]
    if len(value) > ceilings.items:
        kept.append({CUT_KEY: f"{len(value) - ceilings.items} more items"})
    return kept


def _longest(value: Any, kind: type[str] | type[list[Any]] | type[dict[str, Any]]) -> int:
    """Length of the longest string, array or object in `value`."""
    own: int = len(value) if isinstance(value, kind) else 0
    if isinstance(value, dict):
        return max((own, *(_longest(inner, kind) for inner in value.values())))
    if isinstance(value, list):
        return max((own, *(_longest(element, kind) for element in value)))
    return own
