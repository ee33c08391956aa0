"""Arguments brought to the type an API documents, where it is plain what was meant.

"5" is 5 for an integer, 5 is "5" for a string, "true" is true.  What cannot be converted stays as it
is: the API knows its own rules best, and its refusal teaches more than ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

Schema = Mapping[str, Any]

# Bounded: longer digits are an identifier or an attack, not a number.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "false": False}


def coerced(value: Any, json_type: str, schema: Schema) -> Any:
    """`value` as `json_type` (string, integer, number, boolean, array, object).

    schema: the JSON schema keywords beside the type; `items` and `properties` are followed.
    """
    convert = _CONVERSIONS.get(json_type)
    return value if convert is None else convert(value, schema)


def _integer(value: Any, _schema: Schema) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    return value


def _number(value: Any, schema: Schema) -> Any:
    number = _integer(value, schema) if isinstance(value, str) else value
    if isinstance(number, str) and _NUMBER.fullmatch(number.strip()):
        return float(number)
    return number


def _boolean(value: Any, _schema: Schema) -> Any:
    return _BOOLEANS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _string(value: Any, _schema: Schema) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def _array(value: Any, schema: Schema) -> Any:
    value = _parsed(value, list)
    elements = value if isinstance(value, list) else [value]
    return [_typed(element, schema.get("items")) for element in elements]


def _object(value: Any, schema: Schema) -> Any:
    value = _parsed(value, dict)
    properties = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(properties, dict):
        return value
    return {name: _typed(inner, properties.get(name)) for name, inner in value.items()}


def _typed(value: Any, schema: Any) -> Any:
    if not isinstance(schema, dict) or not isinstance(schema.get("type"), str):
        return value
    return coerced(value, schema["type"], schema)


def _parsed(value: Any, kind: type[list[Any]] | type[dict[str, Any]]) -> Any:
    """JSON text of the wanted kind becomes the value; all else stays."""
    if not isinstance(value, str):
        return value
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return parsed if isinstance(parsed, kind) else value


_CONVERSIONS: dict[str, Callable[[Any, Schema], Any]] = {
    "array": _array,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "object": _object,
    "string": _string,
}
