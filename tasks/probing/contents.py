"""Whether an answer says anything, and its shape as leaves, to compare it with the answer of another day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from tasks.calling.verdict import json_of
from warehouse.tables.probing import ShapeLeaf

# A body that says only this reports that the server is up.
_STATUS_WORDS = frozenset(
    {
        "alive",
        "done",
        "error",
        "fail",
        "failed",
        "healthy",
        "ok",
        "okay",
        "pong",
        "running",
        "success",
        "successful",
        "up",
    }
)
# What stands beside a list of results: of an empty one it says nothing but that it is empty.
_AROUND_RESULTS = frozenset(
    {
        "code",
        "count",
        "date",
        "duration",
        "elapsed",
        "hasmore",
        "hasnext",
        "hits",
        "last",
        "lastpage",
        "limit",
        "message",
        "msg",
        "next",
        "offset",
        "page",
        "pages",
        "pagesize",
        "perpage",
        "prev",
        "previous",
        "query",
        "requestid",
        "results",
        "self",
        "size",
        "start",
        "status",
        "statuscode",
        "success",
        "time",
        "timestamp",
        "took",
        "total",
        "totalcount",
        "totalhits",
        "totalpages",
        "totalresults",
        "version",
    }
)
# JSON nested deeper than this is no data, and would exhaust Python's stack.
_DEEPEST = 100


def value_of(body: str) -> Any:
    """The JSON value that a body is; its text when it is none, or nested beyond reason."""
    value = json_of(body)
    may_be_deep = body.count("[") + body.count("{") > _DEEPEST
    if value is None or (may_be_deep and _is_deeper_than(_DEEPEST, value)):
        return body.strip()
    return value


def _is_deeper_than(depth: int, value: Any) -> bool:
    level = [value]
    for _ in range(depth):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def has_contents(value: Any) -> bool:
    """Whether a JSON value of `value_of` says anything.

    Not when it is empty throughout, a mere word of status, or an empty list with its circumstances: a
    count of 0, a page number, the time it took.
    """
    if isinstance(value, dict):
        told = list(value.values())
        if any(inner in ([], {}) for inner in told):
            # What says something though the results are empty: no circumstances, and no zeros.
            told = [
                inner
                for name, inner in value.items()
                if isinstance(inner, (dict, list)) or _plain(name) not in _AROUND_RESULTS
                if isinstance(inner, bool) or inner != 0
            ]
        return any(has_contents(inner) for inner in told)
    if isinstance(value, list):
        return any(has_contents(element) for element in value)
    if isinstance(value, str):
        return value.strip().strip('".!').lower() not in _STATUS_WORDS | {"", "null"}
    return value is not None


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


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
