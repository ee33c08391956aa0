"""From the text a model wrote as arguments to the object that is sent.

What comes out can always be encoded: no lone surrogates, no numbers that JSON cannot hold, no nesting that
overflows a stack.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import Any

import json_repair

from tasks import exact_json
from tasks.exact_json import Json
from tasks.llm.chat import ToolCall

_DEEPEST = 64
# A brace behind a brace, with no more between them than what stands between objects.
_RUN_TOGETHER = re.compile(r"\}[\s,;]*\{")
# A repairer makes doubles of numbers, and 501 of 00501: they are texts meanwhile, begun by a mark.
_NUMBER_OR_STRING = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|(?<=[:\[,\s])(?P<number>[+-]?[0-9][\w.+-]*)(?=\s*(?:[,}\]]|\Z))",
    re.DOTALL,
)
_WRITTEN = "\ue0f7"
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


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _number(text: str) -> int | float:
    """The number; as it is written where text may be meant: 1.10 is a version, and not 1.1."""
    number = exact_json.number_of(text)
    is_as_written = isinstance(number, int) or "e" in text or "E" in text or str(number) == text
    return number if is_as_written else exact_json.WrittenFloat(text)


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_no_constant)
_LENIENT = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_no_constant, strict=False)


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
    return exact_json.text_of(value, ", ", ": ")


def apart(call: ToolCall) -> list[ToolCall]:
    """The calls in one whose arguments are several objects, as servers leave parallel calls run together.

    An empty object before others is where such a server began; with anything but objects it stays one call.
    """
    if _RUN_TOGETHER.search(call.arguments) is None:
        return [call]
    texts = [text for text, value in _objects(call.arguments) if value]
    if len(texts) < 2:
        return [call] if not texts else [replace(call, arguments=texts[0])]
    return [replace(call, arguments=texts[0]), *(ToolCall("", call.name, text) for text in texts[1:])]


def _objects(text: str) -> list[tuple[str, Json]]:
    """The objects in a text of nothing else; none where it is something else."""
    found: list[tuple[str, Json]] = []
    at = 0
    while rest := text[at:].lstrip(" \t\r\n,;"):
        begin = len(text) - len(rest)
        try:
            value, at = _DECODER.raw_decode(text, begin)
        except (ValueError, RecursionError):
            return []
        if not isinstance(value, dict):
            return []
        found.append((text[begin:at], value))
    return found if len(found) > 1 else []


def _read(text: str, *, repair: bool) -> Arguments:
    value, repaired = _parse(text, repair=repair)
    if repair and not isinstance(value, dict):
        value, repaired = _unwrapped(value, repair=repair), True
    tame = _tame(value)
    if not isinstance(tame, dict):
        return Arguments(None, _wrapped(text), repaired, "its arguments are JSON, but not an object")
    return Arguments(tame, json_text(tame) if repaired or tame != value else text, repaired)


def _unwrapped(value: Any, *, repair: bool) -> Any:
    """The object in what was encoded twice, or stands alone in a list; none at all is the empty one."""
    if isinstance(value, str) and value.strip():
        try:
            inner, _ = _parse(value, repair=repair)
        except ValueError:
            return value
        return _unwrapped(inner, repair=repair)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return value[0]
    return {} if value is None or value in ("", []) else value


def _parse(text: str, *, repair: bool) -> tuple[Any, bool]:
    try:
        return _DECODER.decode(text), False
    except ValueError:
        pass
    try:
        return _LENIENT.decode(text), True
    except ValueError:
        if not repair or not _repairable(text) or _holds_several(text):
            raise
    return _repair(text), True


def _repair(text: str) -> Any:
    try:
        value = _with_numbers(json_repair.loads(_NUMBER_OR_STRING.sub(_as_text, text), skip_json_loads=True))
    except Exception as error:  # whatever a repairer stumbles over, the text is merely unreadable
        raise ValueError("it cannot be repaired") from error
    if value == "":
        raise ValueError("nothing in it looks like JSON")
    return value


def _as_text(part: re.Match[str]) -> str:
    return part[0] if part["number"] is None else f'"{_WRITTEN}{part["number"]}"'


def _with_numbers(value: Any) -> Any:
    """The numbers that were texts meanwhile; what JSON does not write so (007, 0x1F) stays text."""
    if isinstance(value, str):
        text = value.removeprefix(_WRITTEN)
        return _number(text) if text != value and exact_json.is_number(text) else text.replace(_WRITTEN, "")
    if isinstance(value, dict):
        return {str(key).replace(_WRITTEN, ""): _with_numbers(item) for key, item in value.items()}
    return [_with_numbers(item) for item in value] if isinstance(value, list) else value


def _holds_several(text: str) -> bool:
    """Whether a second object begins behind the end of the first one: a repairer keeps one of them."""
    if "}" not in text or "{" not in text.partition("}")[2]:
        return False
    depth, in_string, is_escaped, n_objects = 0, False, False, 0
    for sign in text:
        if in_string:
            in_string = sign != '"' or is_escaped
            is_escaped = sign == "\\" and not is_escaped
        elif sign == '"':
            in_string = True
        elif sign == "{":
            n_objects += depth == 0
            depth += 1
        elif sign == "}":
            depth = max(0, depth - 1)
    return n_objects > 1


def _repairable(text: str) -> bool:
    openers = text.count("{") + text.count("[")
    quotes = sum(text.count(quote) for quote in "\"'“”")
    return (
        len(text) <= _REPAIR_CHARACTERS
        and quotes <= _REPAIR_QUOTES
        and len(text) * max(openers, 1) <= _REPAIR_WORK
    )


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
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _wrapped(text: str) -> str:
    return json_text({"__raw__": text})
