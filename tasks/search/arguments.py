"""From the text a model wrote as arguments to the object that is sent.

What comes out can always be encoded: no lone surrogates, no numbers that JSON or 64 bits cannot hold, no
nesting that overflows a stack.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import json_repair

from tasks.llm.chat import Json

_DEEPEST = 64
_REPAIR_CHARACTERS = 20_000
_REPAIR_QUOTES = 500
_REPAIR_WORK = 100_000  # characters times openers: json_repair's time grows with it, to half a second here


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call.

    value: the object, None when there is none, then `problem` says why.  text: JSON text of an object,
    always, as the history keeps it: what cannot be read is wrapped as `{"__raw__": ...}`.
    repaired: the text did not parse as it stood.
    """

    value: Json | None
    text: str
    repaired: bool = False
    problem: str | None = None


def read_arguments(text: str, *, repair: bool) -> Arguments:
    """Reads the arguments a model wrote; none at all is the empty object."""
    if not text.strip():
        return Arguments({}, "{}")
    try:
        return _read(text, repair=repair)
    except (ValueError, RecursionError):
        return Arguments(None, _wrapped(text), problem="its arguments cannot be read as JSON")


def encodable(text: str) -> str:
    """The text with lone surrogates, which no protocol or table can carry, replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _read(text: str, *, repair: bool) -> Arguments:
    value, repaired = _parse(text, repair=repair)
    tame = _tame(value)
    if not isinstance(tame, dict):
        return Arguments(None, _wrapped(text), repaired, "its arguments are JSON, but not an object")
    return Arguments(tame, json_text(tame) if repaired or tame != value else text, repaired)


def _parse(text: str, *, repair: bool) -> tuple[Any, bool]:
    try:
        return json.loads(text, parse_constant=_no_constant), False
    except ValueError:
        pass
    try:
        return json.loads(text, strict=False, parse_constant=_no_constant), True
    except ValueError:
        if not repair or not _repairable(text):
            raise
    return _repair(text), True


def _repair(text: str) -> Any:
    try:
        value = json_repair.loads(text, skip_json_loads=True)
    except Exception as error:  # whatever a repairer stumbles over, the text is merely unreadable
        raise ValueError("it cannot be repaired") from error
    if value == "":
        raise ValueError("nothing in it looks like JSON")
    return value


def _repairable(text: str) -> bool:
    openers = text.count("{") + text.count("[")
    quotes = sum(text.count(quote) for quote in "\"'“”")
    return (
        len(text) <= _REPAIR_CHARACTERS
        and quotes <= _REPAIR_QUOTES
        and len(text) * max(openers, 1) <= _REPAIR_WORK
    )


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _tame(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable(str(key)): _tame(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_tame(item, depth + 1) for item in value]
    return _tame_number(value)


def _tame_number(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        value = _as_float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError("a number is too large") from error


def _wrapped(text: str) -> str:
    return json_text({"__raw__": text})
