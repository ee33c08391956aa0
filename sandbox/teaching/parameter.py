"""A parameter as documents and function schemas describe it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sandbox.teaching.words import name_stems, plain

Json = dict[str, Any]
_KINDS = {
    "int": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "str": "string",
    "list": "array",
    "enum": "string",
    "date": "string",
}
_EXAMPLE = re.compile(
    r"(?:e\.\s?g\.|eg\b|for example|for instance|such as|like|examples?\s*(?:is|are|:|=)?)[\s:,]*"
    r"(?P<first>[\"'`“]?[\w+][\w.+:/-]*[\"'`”]?)(?P<more>(?:\s*(?:,|or|and)+\s*[\"'`“][^\"'`”]+[\"'`”])*)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"'`“]([^\"'`“”]{1,60})[\"'`”]")
_NO_EXAMPLES = frozenset({"a", "an", "the", "this", "that", "in", "of", "for", "to"})


@dataclass(frozen=True, eq=False)
class Parameter:
    """kind: string, number, integer, boolean, array or object.

    examples: values the documents show, a default first.
    """

    name: str
    kind: str
    required: bool
    description: str = ""
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    examples: tuple[Any, ...] = ()
    has_default: bool = False
    items: Json = field(default_factory=dict)
    properties: tuple[Parameter, ...] = ()

    @property
    def spoken(self) -> str:
        return plain(self.name)

    @property
    def stems(self) -> tuple[str, ...]:
        return name_stems(self.name)

    @property
    def numeric(self) -> bool:
        return self.kind in {"number", "integer"}

    def allows(self, number: float) -> bool:
        return (self.minimum is None or number >= self.minimum) and (
            self.maximum is None or number <= self.maximum
        )


def from_document(entry: Json) -> Parameter:
    """From an entry of a document's parameter list."""
    return _build(str(entry.get("name", "")), entry, required=bool(entry.get("required")))


def from_object_schema(schema: Any) -> tuple[Parameter, ...]:
    """The properties of a JSON schema, such as that of a function's arguments; none where it has none."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return ()
    listed = schema.get("required")
    required = {str(name) for name in listed} if isinstance(listed, list) else set()
    return tuple(
        _build(str(name), inner, required=name in required)
        for name, inner in properties.items()
        if isinstance(inner, dict)
    )


def _build(name: str, schema: Json, *, required: bool) -> Parameter:
    kind = _kind(schema.get("type"))
    description = str(schema.get("description") or "")
    enum = schema.get("enum")
    return Parameter(
        name=name,
        kind=kind,
        required=required,
        description=description,
        enum=tuple(enum) if isinstance(enum, list) else (),
        minimum=_number(schema, "minimum", "exclusiveMinimum"),
        maximum=_number(schema, "maximum", "exclusiveMaximum"),
        examples=tuple(_examples(schema, description)),
        has_default=_shows_value(schema.get("default")),
        items=schema["items"] if isinstance(schema.get("items"), dict) else {},
        properties=from_object_schema(schema),
    )


def _kind(written: Any) -> str:
    if isinstance(written, list):
        written = next((kind for kind in written if kind != "null"), "string")
    lower = str(written or "string").lower()
    return _KINDS.get(
        lower, lower if lower in {"number", "integer", "boolean", "array", "object"} else "string"
    )


def _number(schema: Json, *keys: str) -> float | None:
    for key in keys:
        value = schema.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
    return None


def _shows_value(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _examples(schema: Json, description: str) -> Iterable[Any]:
    seen: set[str] = set()
    shown = [schema.get(key) for key in ("default", "example", "example_value")]
    listed = schema.get("examples")
    shown += listed if isinstance(listed, list) else []
    shown += described_examples(description)
    for value in shown:
        if _shows_value(value) and repr(value) not in seen:
            seen.add(repr(value))
            yield value


@lru_cache(maxsize=8192)
def described_examples(description: str) -> tuple[str, ...]:
    """Values a description shows after words such as "for example"."""
    found: list[str] = []
    for match in _EXAMPLE.finditer(description):
        first = match["first"].strip("\"'`“”").rstrip(".,:;")
        if first and first.lower() not in _NO_EXAMPLES:
            found.append(first)
        found += _QUOTED.findall(match["more"])
    return tuple(found)
