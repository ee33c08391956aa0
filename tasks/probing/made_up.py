"""A value of a type, within its bounds, where nothing else is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.probing.bounds import at_least, fitted_number
from tasks.probing.known import book
from tasks.probing.wanted import shown_in

_MAX_DEPTH = 4
_INNER_ITEMS = 5  # of an array within another: sizes of nested arrays multiply


def made_up(json_type: str, schema: Mapping[str, Any], turn: int) -> Any:
    """The value of the `turn`-th try (from 0)."""
    return _made_up(json_type, schema, turn, _MAX_DEPTH)


def _made_up(json_type: str, schema: Mapping[str, Any], turn: int, depth: int) -> Any:
    match json_type:
        case "integer" | "number":
            return fitted_number(_of_type(json_type, turn), schema, whole=json_type == "integer")
        case "boolean":
            return _of_type(json_type, turn)
        case "array":
            items = at_least(schema, "minItems", 1)
            return [_nested(schema.get("items"), turn, depth - 1)] * (
                items if depth == _MAX_DEPTH else min(items, _INNER_ITEMS)
            )
        case "object":
            return _object(schema, turn, depth)
    return _string(schema, turn)


def _of_type(json_type: str, turn: int) -> Any:
    values = book().types[json_type]
    return values[turn % len(values)]


def _nested(schema: Any, turn: int, depth: int) -> Any:
    """A value for a nested schema: a documented one, or one made up."""
    if not isinstance(schema, dict):
        return _of_type("string", turn)
    documented = next((value for value in shown_in(schema) if value not in (None, "")), None)
    if documented is not None:
        return documented
    json_type = schema.get("type")
    if isinstance(json_type, str) and depth > 0:
        return _made_up(json_type, schema, turn, depth)
    return _of_type("string", turn)


def _object(schema: Mapping[str, Any], turn: int, depth: int) -> dict[str, Any]:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return {}
    wanted = required if isinstance(required, list) else list(properties)
    return {name: _nested(inner, turn, depth - 1) for name, inner in properties.items() if name in wanted}


def _string(schema: Mapping[str, Any], turn: int) -> str:
    formatted = book().formats.get(str(schema.get("format")).lower())
    text: str = formatted[turn % len(formatted)] if formatted else _of_type("string", turn)
    longest = schema.get("maxLength")
    text = text.ljust(at_least(schema, "minLength", 0), "a")
    return text[:longest] if isinstance(longest, int) and longest > 0 else text
