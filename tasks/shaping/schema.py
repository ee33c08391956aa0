"""From a JSON schema to the shape of the values it describes."""

from __future__ import annotations

from typing import Any

from tasks.shaping.shape import Shape

_ANYTHING = "null"  # a value that differs in kind from its shape stays whole
_DEEPEST = 64


def shape_of_schema(schema: Any, depth: int = _DEEPEST) -> Shape:
    """The shape; of what the schema leaves open, such as a map's keys, one that keeps everything."""
    if not isinstance(schema, dict) or not depth or schema.get("additionalProperties"):
        return _ANYTHING
    properties = schema.get("properties")
    if isinstance(properties, dict) and properties:
        return {name: shape_of_schema(inner, depth - 1) for name, inner in properties.items()}
    return [shape_of_schema(schema["items"], depth - 1)] if "items" in schema else _ANYTHING
