"""Arguments to try an API with, from what its documentation says and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from warehouse.tables.catalogue import Api, Parameter

_BY_FORMAT = {
    "date": "2024-01-15",
    "date-time": "2024-01-15T12:00:00Z",
    "time": "12:00:00",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "8.8.8.8",
    "ipv6": "2001:4860:4860::8888",
    "uri": "https://example.com",
    "url": "https://example.com",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
_WORD = "test"
_MAX_DEPTH = 4


def probe_arguments(api: Api, attempt: int) -> dict[str, Any]:
    """The arguments of the `attempt`-th different try (from 0), by `arg_name`.

    Required parameters always have a value; on odd tries optional ones with a documented value have one,
    too; from the third on, parameters with several documented values go through them.
    """
    with_optional, turn = attempt % 2 == 1, attempt // 2
    arguments: dict[str, Any] = {}
    for parameter in api.parameters:
        documented = list(_documented(parameter))
        if _needed(parameter):
            values = documented or [_made_up(parameter.type, _schema_of(parameter), _MAX_DEPTH)]
        elif with_optional:
            values = documented
        else:
            continue
        if values:
            arguments[parameter.arg_name] = values[turn % len(values)]
    return arguments


def _needed(parameter: Parameter) -> bool:
    return parameter.required or parameter.location == "path"


def _schema_of(parameter: Parameter) -> Mapping[str, Any]:
    schema = orjson.loads(parameter.schema) if parameter.schema else {}
    return schema if isinstance(schema, dict) else {}


def _documented(parameter: Parameter) -> Iterator[Any]:
    """Values the documentation gives, the default first, none twice, none empty."""
    default = None if parameter.default is None else orjson.loads(parameter.default)
    seen: list[Any] = []
    for value in (default, *_examples(_schema_of(parameter))):
        if value not in (None, "") and value not in seen:
            seen.append(value)
            yield value


def _examples(schema: Mapping[str, Any]) -> Iterator[Any]:
    for keyword in ("const", "default", "example"):
        yield schema.get(keyword)
    for keyword in ("examples", "enum"):
        several = schema.get(keyword)
        yield from several if isinstance(several, list) else ()


def _made_up(json_type: str, schema: Mapping[str, Any], depth: int) -> Any:
    """A value of the type within its bounds."""
    match json_type:
        case "integer" | "number":
            return _number(schema, whole=json_type == "integer")
        case "boolean":
            return True
        case "array":
            return [_of_schema(schema.get("items"), depth - 1)] * _at_least(schema, "minItems", 1)
        case "object":
            return _object(schema, depth)
    return _string(schema)


def _of_schema(schema: Any, depth: int) -> Any:
    """A value for a nested schema: a documented one, or one made up."""
    if not isinstance(schema, dict):
        return _WORD
    for value in _examples(schema):
        if value not in (None, ""):
            return value
    json_type = schema.get("type")
    return _made_up(json_type, schema, depth) if isinstance(json_type, str) and depth > 0 else _WORD


def _object(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return {}
    names = (
        [name for name in properties if name in required] if isinstance(required, list) else list(properties)
    )
    return {name: _of_schema(properties[name], depth - 1) for name in names}


def _number(schema: Mapping[str, Any], *, whole: bool) -> float:
    """1 where it is allowed, else the nearest number that is."""
    step = 1.0 if whole else 0.5
    low = max(_bound(schema, "minimum", -math.inf), _bound(schema, "exclusiveMinimum", -math.inf) + step)
    high = min(_bound(schema, "maximum", math.inf), _bound(schema, "exclusiveMaximum", math.inf) - step)
    number = max(low, min(1.0, high))
    if whole:
        return math.ceil(number) if math.ceil(number) <= high else math.floor(number)
    return int(number) if number.is_integer() else number


def _bound(schema: Mapping[str, Any], keyword: str, unbounded: float) -> float:
    # In old JSON schemas the exclusive bounds are booleans.
    bound = schema.get(keyword)
    if isinstance(bound, (int, float)) and not isinstance(bound, bool) and math.isfinite(bound):
        return float(bound)
    return unbounded


def _string(schema: Mapping[str, Any]) -> str:
    text = _BY_FORMAT.get(str(schema.get("format")), _WORD)
    shortest = _at_least(schema, "minLength", 0)
    longest = schema.get("maxLength")
    text = text.ljust(shortest, "a")
    return text[:longest] if isinstance(longest, int) and longest > 0 else text


def _at_least(schema: Mapping[str, Any], keyword: str, least: int) -> int:
    """A lower bound of the schema, kept small: documentation is no reason to send megabytes."""
    bound = schema.get(keyword)
    return min(max(bound, least), 100) if isinstance(bound, int) else least
