"""The shape of an answer as leaves with their types, for comparing it with the answer of another day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from warehouse.tables.probing import ShapeLeaf

# Answers may be huge or nested to kill; within these bounds two of one shape have equal leaves.
_ELEMENTS = 20  # of an array are looked at
_DEPTH = 12
_VALUES = 5000  # are looked at, the first in order
_LEAVES = 300  # are kept, the first by path
_KEY_CHARACTERS = 100
# An object with more keys than a record has, or with such a key, is a map: its keys are data.
_RECORD_KEYS = 40
_DATA_KEY = re.compile(r"[\d.,:/T+Z-]+")
_KINDS = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
}


def leaves_of(value: Any) -> tuple[ShapeLeaf, ...]:
    """The leaves of a JSON value in order of their paths; a string alone is text."""
    if isinstance(value, str):
        return (ShapeLeaf(path="", type="text"),)
    types: dict[str, str] = {}
    for path, kind in islice(_walk(value, "", _DEPTH), _VALUES):
        types[path] = _united(types.get(path, kind), kind)
    # Every path with something below it was seen filled as well.
    filled = {ancestor for path in types for ancestor in _ancestors(path)}
    leaves = [ShapeLeaf(path=path, type=kind) for path, kind in sorted(types.items()) if path not in filled]
    return tuple(leaves[:_LEAVES])


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value and depth:
        is_map = len(value) > _RECORD_KEYS or any(map(_DATA_KEY.fullmatch, value))
        for key, inner in value.items():
            name = "*" if is_map else key[:_KEY_CHARACTERS].replace(".", "_")
            yield from _walk(inner, f"{path}.{name}" if path else name, depth - 1)
    elif isinstance(value, list) and value and depth:
        for element in value[:_ELEMENTS]:
            yield from _walk(element, f"{path}[]", depth - 1)
    else:
        yield path, _KINDS.get(type(value), "object")


def _united(one: str, other: str) -> str:
    """One type for both: null gives way, whole numbers are numbers, and what else differs is text."""
    if other in (one, "null"):
        return one
    if one == "null":
        return other
    return "number" if {one, other} == {"integer", "number"} else "string"


def _ancestors(path: str) -> Iterator[str]:
    for end, character in enumerate(path):
        if end and (character == "." or path[end : end + 2] == "[]"):
            yield path[:end]
    if path:
        yield ""
