"""ToolBench's parameter types and defaults in the terms of JSON schema."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from tasks import exact_json
from tasks.catalogue.parameters import json_text


class JsonType(NamedTuple):
    """name: of JSON schema.  note: what the published type says beyond that, for the description."""

    name: str
    format: str | None = None
    note: str = ""


STRING = JsonType("string")
# By the first word, in upper case.
_TYPES = {
    "ARRAY": JsonType("array"),
    "BOOL": JsonType("boolean"),
    "BOOLEAN": JsonType("boolean"),
    "DATE": JsonType("string", format="date"),
    "ENUM": STRING,
    "FLOAT": JsonType("number"),
    "INT": JsonType("integer"),
    "INTEGER": JsonType("integer"),
    "LIST": JsonType("array"),
    "NUMBER": JsonType("number"),
    "OBJECT": JsonType("object"),
    "STRING": STRING,
    "TIME": JsonType("string", format="time", note="24-hour HH:MM"),
}
_FILES = frozenset({"BINARY", "FILE"})
_VALUES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
}


def is_file(declared: str) -> bool:
    """Whether a published type asks for the bytes of a file, which no JSON argument can be."""
    return _first_word(declared) in _FILES


def json_type(declared: str) -> JsonType:
    """The type of a parameter; text for what has none of its own, as ToolBench takes it."""
    return _TYPES.get(_first_word(declared)) or JsonType("string", note=declared.strip())


def default_of(type_name: str, default: Any) -> Any:
    """A default in its type: published ones are text as a rule.  None when there is none.

    What is no value of the type stays the text it is.
    """
    if default is None or default == "":
        return None
    if type_name == "string":
        return default if isinstance(default, str) else json_text(default)
    value = _parsed(default) if isinstance(default, str) else default
    return value if _is_of(type_name, value) else default


def _first_word(declared: str) -> str:
    return declared.partition("(")[0].strip().upper()


def _parsed(text: str) -> Any:
    lowered = text.strip().lower()
    if lowered in {"true", "false"}:
        return lowered == "true"
    try:
        return exact_json.loads(text)
    except orjson.JSONDecodeError:
        return text


def _is_of(type_name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return type_name == "boolean"
    return isinstance(value, _VALUES[type_name])
