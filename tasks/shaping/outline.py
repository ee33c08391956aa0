"""The outline of a JSON value: its shape without what differs from one answer to the next.

Two answers of an API have the same outline although one has another number of items, a null where the
other has text, or other dates as keys.  An outline is JSON: an object of outlines, a list of one or none,
"value" for a leaf, "" for a null, and {"*": outline} for an object whose keys are data.
"""

from __future__ import annotations

from functools import reduce
from typing import TypeAlias

from tasks.shaping.shape import DROPPED, OTHERS, Shape, united

Outline: TypeAlias = dict[str, "Outline"] | list["Outline"] | str

ANY_KEY = OTHERS
_LEAF, _UNKNOWN = "value", ""
_UNSEEN = "null"  # in a shape: what comes is kept as it is
_RECORD = 32  # objects with more keys are maps


def outline_of(shape: Shape) -> Outline:
    """The outline of the values that have this shape."""
    if isinstance(shape, str):
        return _UNKNOWN if shape == "null" else _LEAF
    if isinstance(shape, list):
        return [outline_of(shape[0])] if shape else []
    below: dict[str, Outline] = {key: outline_of(inner) for key, inner in shape.items()}
    telling: Outline = next((inner for inner in below.values() if inner), _UNKNOWN)
    if _keys_are_data(shape) and all(same_outline(inner, telling) for inner in below.values()):
        return {ANY_KEY: telling}
    return below


def same_outline(one: Outline, other: Outline) -> bool:
    """Whether both can be of answers of the same form: what is empty or null in one tells nothing."""
    if not one or not other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_outline(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return same_outline(one[0], other[0])
    return one == other


def leaving_out(kept: Shape, seen: Outline) -> Shape:
    """A shape that leaves out what `seen` has and `kept`, a part of it, has not; all else stays.

    One answer does not show every key that others have: what it lacks was not chosen to be dropped.
    """
    if isinstance(kept, list) and isinstance(seen, list) and kept and seen:
        return [leaving_out(kept[0], seen[0])]
    if not (isinstance(kept, dict) and isinstance(seen, dict) and kept):
        return _UNSEEN
    if seen.keys() == {ANY_KEY}:
        return {OTHERS: leaving_out(reduce(united, kept.values()), seen[ANY_KEY])}
    left = {key: leaving_out(kept[key], inner) if key in kept else DROPPED for key, inner in seen.items()}
    return left | {OTHERS: _UNSEEN}


def _keys_are_data(shape: dict[str, Shape]) -> bool:
    """Dates, numbers and codes; or more keys than a record has."""
    return bool(shape) and (len(shape) > _RECORD or all(map(_has_digit, shape)))


def _has_digit(key: str) -> bool:
    return any(letter.isdigit() for letter in key)
