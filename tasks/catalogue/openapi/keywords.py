"""The keywords of one JSON schema, brought to what a caller can heed, wrongly typed ones left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from tasks import exact_json
from tasks.catalogue.openapi.location import capped
from tasks.exact_json import WrittenFloat, WrittenInt

_TYPES = {
    "string": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
    # Not of JSON schema, but of many a document:
    "array[string]": "array",
    "bool": "boolean",
    "char": "string",
    "date": "string",
    "date-time": "string",
    "datetime": "string",
    "decimal": "number",
    "double": "number",
    "enum": "string",
    "file": "string",
    "float": "number",
    "int": "integer",
    "int32": "integer",
    "int64": "integer",
    "list": "array",
    "long": "integer",
    "str": "string",
    "text": "string",
    "uuid": "string",
}
_FORMATS = {
    "file": "binary",
    "date": "date",
    "date-time": "date-time",
    "datetime": "date-time",
    "uuid": "uuid",
}
_SIZES = ("minLength", "maxLength", "minItems", "maxItems")
_SAYS_TYPE = {
    "properties": "object",
    "additionalProperties": "object",
    "items": "array",
    "minItems": "array",
    "maxItems": "array",
    "pattern": "string",
    "minLength": "string",
    "maxLength": "string",
    "minimum": "number",
    "maximum": "number",
}
_LONGEST_DESCRIPTION = 1000
_LONGEST_PATTERN = 500
_LONGEST_ENUM = 1000
_LONGEST_EXAMPLE = 10_000  # characters of its text, about
_MOST_EXAMPLES = 20


def keywords_of(layers: list[dict[str, Any]]) -> dict[str, Any]:
    """What the layers of a schema say together; of equal keywords the first layer's holds.

    `properties`, `items` and other schemas are not among them.
    """
    said: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            said.setdefault(name, value)
    found = {keyword: read(said) for keyword, read in _readers_of(frozenset(said))}
    if not found.keys().isdisjoint(_VALUES):
        takes_text = "string" in {found.get("type"), *_named_types(said.get("type"))}
        meant = {"type": "string" if takes_text else found.get("type"), "items": said.get("items")}
        for keyword in found.keys() & _VALUES:
            several = found[keyword] if keyword in ("enum", "examples") else None
            found[keyword] = (
                as_meant(found[keyword], meant)
                if several is None
                else [as_meant(value, meant) for value in several]
            )
    return {keyword: value for keyword, value in found.items() if value is not None}


def type_of(said: dict[str, Any]) -> str | None:
    """The JSON type a schema names, or else implies; None where it admits any."""
    for name in _named_types(said.get("type")):
        if name in _TYPES:
            return _TYPES[name]
    for keyword, implied in _SAYS_TYPE.items():
        if said.get(keyword) is not None:
            return implied
    values = said.get("enum") if isinstance(said.get("enum"), list) else []
    given = (said.get("const"), said.get("default"), *(values or ()), example_of(said))
    return next((_json_type(value) for value in given if value is not None), None)


def is_null(schema: Any) -> bool:
    """Whether a schema admits null alone."""
    if not isinstance(schema, dict):
        return False
    return _named_types(schema.get("type")) == ["null"] or schema.get("enum") == [None]


def example_of(said: dict[str, Any]) -> Any:
    """The first of the examples; None when there is none."""
    return next(iter(_examples(said)), None)


def is_true(value: Any) -> bool:
    """Whether a switch is on, as a boolean or, as many a document has it, as text."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def as_meant(value: Any, schema: dict[str, Any]) -> Any:
    """A value of a schema; YAML takes 007 and 1.10 for numbers, and as text they are what was written."""
    if isinstance(value, WrittenInt | WrittenFloat) and schema.get("type") == "string":
        return value.text
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [as_meant(element, schema["items"]) for element in value]
    return value


def _examples(said: dict[str, Any]) -> list[Any]:
    """`example` and `examples`, whatever form those have."""
    examples = said.get("examples")
    if isinstance(examples, dict):
        examples = [value.get("value") if isinstance(value, dict) else value for value in examples.values()]
    several = examples if isinstance(examples, list) else []
    return [value for value in (said.get("example"), said.get("x-example"), *several) if value is not None]


def _named_types(declared: Any) -> list[str]:
    names = declared if isinstance(declared, list) else [declared]
    types = [name.strip().lower() for name in names if isinstance(name, str)]
    return [name for name in types if name != "null"] or types


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = ((WrittenInt, "string"), (int, "integer"), (float, "number"), (list, "array"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "string")


def _description(said: dict[str, Any]) -> str | None:
    text = said.get("description")
    return capped(text.strip(), _LONGEST_DESCRIPTION) if isinstance(text, str) and text.strip() else None


def _format(said: dict[str, Any]) -> str | None:
    declared = said.get("format")
    if isinstance(declared, str) and declared.strip():
        return capped(declared.strip(), 100)
    names = _named_types(said.get("type"))
    return _FORMATS.get(names[0]) if names else None


def _enum(said: dict[str, Any]) -> list[Any] | None:
    if said.get("const") is not None:
        return [said["const"]]
    values = said.get("enum")
    allowed = [value for value in values if value is not None] if isinstance(values, list) else []
    return allowed if 0 < len(allowed) <= _LONGEST_ENUM else None


def _small(value: Any) -> Any:
    """The value where it is not too long to be shown."""
    return (
        value if isinstance(value, bool | int | float | None) or len(str(value)) <= _LONGEST_EXAMPLE else None
    )


def _media_type(value: Any) -> str | None:
    return capped(value.strip().lower(), 100) if isinstance(value, str) and value.strip() else None


def _pattern(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_PATTERN else None


def _several(said: dict[str, Any]) -> list[Any] | None:
    """The examples where there is more than one."""
    examples = [value for value in _examples(said)[:_MOST_EXAMPLES] if _small(value) is not None]
    return examples if len(examples) > 1 else None


def _positive(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _size(said: dict[str, Any], keyword: str) -> int | None:
    value = _number(said[keyword])
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _bound(inclusive: str, exclusive: str, towards: int, said: dict[str, Any]) -> float | None:
    """The bound; an exclusive one of integers as the next number inside."""
    step = towards if type_of(said) == "integer" else 0
    bound, other = _number(said.get(inclusive)), said.get(exclusive)
    limit = bound if is_true(other) else _number(other)  # a switch beside the bound is how it was up to 3.0
    if limit is None:
        return bound
    return limit + step if step else limit


def _number(value: Any) -> float | None:
    """A number in all its digits; 5.0 is 5."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return exact_json.whole(value) if isinstance(value, float) else value


_IMPLY_TYPE = frozenset({"type", "const", "default", "enum", "example", "examples", "x-example", *_SAYS_TYPE})
# What is said of a value, and from which keywords of the document.
_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "type": type_of,
    "description": _description,
    "format": _format,
    "enum": _enum,
    "default": lambda said: _small(said["default"]),
    "example": lambda said: _small(example_of(said)),
    "examples": _several,
    "pattern": lambda said: _pattern(said["pattern"]),
    "multipleOf": lambda said: _positive(said["multipleOf"]),
    "uniqueItems": lambda said: True if is_true(said["uniqueItems"]) else None,
    "contentMediaType": lambda said: _media_type(said["contentMediaType"]),
    "contentEncoding": lambda said: _media_type(said["contentEncoding"]),
    **{keyword: partial(_size, keyword=keyword) for keyword in _SIZES},
    "minimum": partial(_bound, "minimum", "exclusiveMinimum", 1),
    "maximum": partial(_bound, "maximum", "exclusiveMaximum", -1),
}
_VALUES = frozenset({"default", "enum", "example", "examples"})
_SOURCES = {keyword: frozenset({keyword}) for keyword in _READERS} | {
    "type": _IMPLY_TYPE,
    "format": frozenset({"format", "type"}),
    "enum": frozenset({"enum", "const"}),
    "example": frozenset({"example", "examples", "x-example"}),
    "examples": frozenset({"examples"}),
    "minimum": frozenset({"minimum", "exclusiveMinimum"}),
    "maximum": frozenset({"maximum", "exclusiveMaximum"}),
}


@lru_cache(maxsize=1000)
def _readers_of(names: frozenset[str]) -> list[tuple[str, Callable[[dict[str, Any]], Any]]]:
    """The readers that such a schema, of thousands alike, gives something to read."""
    return [(keyword, read) for keyword, read in _READERS.items() if not names.isdisjoint(_SOURCES[keyword])]
