"""ToolBench's response skeletons as JSON schemas.

A skeleton is a response with the names of Python's types in place of values: {"name": "str", "tags":
"list of str with length 3", "items": [{"price": "float", "_list_length": 20}]}.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from tasks import exact_json

_TYPES = {
    "bool": "boolean",
    "dict": "object",
    "float": "number",
    "int": "integer",
    "list": "array",
    "NoneType": "null",
    "str": "string",
}
_LIST = re.compile(r"list of (\w+)(?: with length \d+)?")
_EMPTY_LIST = "empty list"
_LENGTH_KEY = "_list_length"
_DEEPEST = 40  # levels described; nothing is said of what lies deeper

Schema = dict[str, Any]


def schema_of(skeleton: Any) -> Schema | None:
    """The JSON schema of a response; None when there is no skeleton, or nothing in it."""
    if isinstance(skeleton, str):
        skeleton = _parsed(skeleton)
    return _schema(skeleton, _DEEPEST) if skeleton and isinstance(skeleton, (dict, list)) else None


def _parsed(text: str) -> Any:
    """Some skeletons are given as JSON text, cut in the middle when they are long."""
    try:
        return exact_json.loads(text)
    except orjson.JSONDecodeError:
        return None


def _schema(skeleton: Any, depth: int) -> Schema:
    if depth == 0:
        return {}
    if isinstance(skeleton, dict):
        fields = {name: inner for name, inner in skeleton.items() if name != _LENGTH_KEY}
        properties = {name: _schema(inner, depth - 1) for name, inner in fields.items()}
        return {"type": "object", "properties": properties} if properties else {"type": "object"}
    if isinstance(skeleton, list):
        return {"type": "array", "items": _schema(skeleton[0], depth - 1)} if skeleton else {"type": "array"}
    return _leaf(skeleton) if isinstance(skeleton, str) else {}


def _leaf(word: str) -> Schema:
    if word == _EMPTY_LIST:
        return {"type": "array"}
    several = _LIST.fullmatch(word)
    if several is not None:
        return {"type": "array", "items": _named(several[1])}
    return _named(word)


def _named(word: str) -> Schema:
    return {"type": _TYPES[word]} if word in _TYPES else {}
