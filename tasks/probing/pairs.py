"""Parameters that go in pairs: a start is not after its end, a least not above its most."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from tasks.probing.known import book
from tasks.probing.wanted import Wanted

_MOMENT = re.compile(r"\d{4}-\d{2}|\d{2}:\d{2}")


def in_order(arguments: dict[str, Any], parameters: Iterable[Wanted]) -> dict[str, Any]:
    """The arguments with pairs the right way round; documented values stay where they are."""
    for low, high in _pairs([wanted for wanted in parameters if wanted.arg_name in arguments]):
        first, second = arguments[low.arg_name], arguments[high.arg_name]
        if not (_comparable(first, second) and first > second):
            continue
        if not low.documented:
            arguments[low.arg_name] = second
        if not high.documented:
            arguments[high.arg_name] = first
    return arguments


def _pairs(parameters: list[Wanted]) -> Iterator[tuple[Wanted, Wanted]]:
    highs = {_bare(wanted, book().high): wanted for wanted in parameters if set(wanted.words) & book().high}
    for wanted in parameters:
        if set(wanted.words) & book().low and _bare(wanted, book().low) in highs:
            yield wanted, highs[_bare(wanted, book().low)]


def _bare(wanted: Wanted, marks: frozenset[str]) -> tuple[str, ...]:
    return tuple(word for word in wanted.words if word not in marks)


def _comparable(first: Any, second: Any) -> bool:
    if isinstance(first, str) and isinstance(second, str):
        return bool(_MOMENT.match(first) and _MOMENT.match(second))
    numbers = (first, second)
    return all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in numbers)
