"""Values within the bounds of a JSON schema.  Schemas come from strangers: checking one costs little."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tasks import exact_json

_LONGEST_PATTERN = 100
_REPEAT = re.compile(r"[*+{]")
_REPEATS = 3
_LONGEST_MATCHED = 100
_BOUNDLESS = 10**300  # no double has room for more and a step


def fitted_number(wanted: float, schema: Mapping[str, Any], *, whole: bool) -> float:
    """`wanted` where it is allowed, else the nearest number that is."""
    step = 1 if whole else 0.5
    low = max(_bound(schema, "minimum", -math.inf), _bound(schema, "exclusiveMinimum", -math.inf) + step)
    high = min(_bound(schema, "maximum", math.inf), _bound(schema, "exclusiveMaximum", math.inf) - step)
    number = max(low, min(wanted, high))
    multiple = _bound(schema, "multipleOf", 0)
    if multiple > 0 and math.isfinite(number / multiple):
        number = _multiple(number, multiple, low, high)
    if whole:
        return math.ceil(number) if math.ceil(number) <= high else math.floor(number)
    return exact_json.whole(number) if isinstance(number, float) else number


def _multiple(number: float, multiple: float, low: float, high: float) -> float:
    if isinstance(number, int) and isinstance(multiple, int):
        nearest: float = (2 * number + multiple) // (2 * multiple) * multiple
    else:
        nearest = round(number / multiple) * multiple
    if nearest < low:
        return nearest + multiple
    return nearest - multiple if nearest > high else nearest


def _bound(schema: Mapping[str, Any], keyword: str, unbounded: float) -> float:
    # In old JSON schemas the exclusive bounds are booleans.
    bound = schema.get(keyword)
    if isinstance(bound, int) and not isinstance(bound, bool) and abs(bound) < _BOUNDLESS:
        return bound  # in all its digits
    return bound if isinstance(bound, float) and math.isfinite(bound) else unbounded


def is_bounded(schema: Mapping[str, Any]) -> bool:
    """Whether a number has bounds on both sides."""
    return all(
        any(math.isfinite(_bound(schema, keyword, math.inf)) for keyword in side)
        for side in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
    )


def fits_text(text: str, schema: Mapping[str, Any]) -> bool:
    """Whether a text has the length and the pattern that the schema asks for, as far as can be told."""
    longest = schema.get("maxLength")
    if isinstance(longest, int) and len(text) > longest:
        return False
    pattern = schema.get("pattern")
    return len(text) >= at_least(schema, "minLength", 0) and (
        not isinstance(pattern, str) or _may_match(pattern, text)
    )


@lru_cache(maxsize=1024)
def _may_match(pattern: str, text: str) -> bool:
    """Whether the pattern matches; True where finding out could take long, or the pattern is none."""
    harmless = len(pattern) <= _LONGEST_PATTERN and "(" not in pattern
    if not harmless or len(_REPEAT.findall(pattern)) > _REPEATS or len(text) > _LONGEST_MATCHED:
        return True
    try:
        return re.search(pattern, text) is not None
    except (re.error, OverflowError):
        return True


def at_least(schema: Mapping[str, Any], keyword: str, least: int) -> int:
    """A lower bound of the schema, kept small: documentation is no reason to send megabytes."""
    bound = schema.get(keyword)
    return min(max(bound, least), 100) if isinstance(bound, int) else least
