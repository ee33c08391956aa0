"""Arguments brought to the type an API documents, where it is plain what was meant.

"5" is 5 for an integer, 5 is "5" for a string, "true" is true.  What cannot be converted stays as it
is: the API knows its own rules best, and its refusal teaches more than ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tasks import exact_json

Schema = Mapping[str, Any]

# As JSON writes one: "00501" and "+4712345" are no numbers, and would lose what they say as such.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,999})")
_LONGEST = 1000  # characters of a number
_BOOLEANS = {"true": True, "false": False}


def coerced(value: Any, json_type: str, schema: Schema) -> Any:
    """`value` as `json_type` (string, integer, number, boolean, array, object).

    schema: the JSON schema keywords beside the type; `items` and `properties` are followed.
    """
    convert = _CONVERSIONS.get(json_type)
    return value if convert is None else convert(value, schema)


def _integer(value: Any, _schema: Schema) -> Any:
    if isinstance(value, float):
        return exact_json.whole(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    return value


def _number(value: Any, _schema: Schema) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) > _LONGEST or not exact_json.is_number(f"0{text}" if text.startswith(".") else text):
        return value
    if text.startswith("."):
        return float(text)
    number = exact_json.number_of(text)
    return number if str(number) == text else exact_json.WrittenFloat(text)  # 19.90 stays 19.90


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
        parsed = exact_json.loads(value)
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
