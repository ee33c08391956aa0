"""Whether an answer says anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tasks.calling.verdict import json_of

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
        told = _told_beside_nothing(value) if _holds_empty_results(value) else value.values()
        return any(has_contents(inner) for inner in told)
    if isinstance(value, list):
        return any(has_contents(element) for element in value)
    if isinstance(value, str):
        return value.strip().strip('".!').lower() not in _STATUS_WORDS | {"", "null"}
    return value is not None


def _holds_empty_results(value: dict[str, Any]) -> bool:
    return any(inner in ([], {}) for inner in value.values())


def _told_beside_nothing(value: dict[str, Any]) -> Iterable[Any]:
    """The fields that say something though the results are empty: no circumstances, and no zeros."""
    for name, inner in value.items():
        circumstance = not isinstance(inner, (dict, list)) and _plain(name) in _AROUND_RESULTS
        if not circumstance and (isinstance(inner, bool) or inner != 0):
            yield inner


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
