"""The marked-up parts of a prompt: documents, steps and texts between tags of their own lines."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

Json = dict[str, Any]

_CALL = re.compile(
    r"^function: (?P<function>[^\n]*)\narguments: (?P<arguments>.*?)\nobservation: (?P<observation>.*?)"
    r"(?=\nfunction: |\s*\Z)",
    re.DOTALL | re.MULTILINE,
)


def text_in(text: str, name: str) -> str | None:
    """What stands in the first block of that name."""
    return next(iter(texts_in(text, name)), None)


def texts_in(text: str, name: str, attributes: str = "") -> list[str]:
    """What stands in each block of that name.  attributes: a pattern of those its opening tag has."""
    pattern = rf"^<{name}{attributes}>\n(.*?)^</{name}>$"
    return [found.removesuffix("\n") for found in re.findall(pattern, text, re.MULTILINE | re.DOTALL)]


def json_in(text: str, name: str) -> Any:
    """The value in the first block of that name, None where there is none or it does not parse."""
    found = text_in(text, name)
    return None if found is None else json_value(found)


def objects_in(text: str, name: str) -> list[Json]:
    """The JSON objects in the blocks of that name."""
    return [value for value in map(json_value, texts_in(text, name)) if isinstance(value, dict)]


def json_value(text: str) -> Any:
    """The parsed text, None where it does not parse."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(text)  # takes NaN and huge integers, which orjson refuses
    except (ValueError, RecursionError):
        return None


def calls_in(text: str) -> list[dict[str, str]]:
    """The calls of a step: function, arguments and observation of each."""
    return [found.groupdict() for found in _CALL.finditer(text)]
