"""JSON schemas of MCP tools in a plain form: references resolved, cycles cut, unions decided."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow

MAX_NODES = 5_000  # schemas in one document, each reference counted as what it stands for
MAX_DEPTH = 30

_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})
# Keywords kept, with the types that their values have; a value of another type says nothing.
_NUMBER = (int, float)
_KEYWORDS: Mapping[str, tuple[type, ...]] = {
    "description": (str,),
    "default": (object,),
    "example": (object,),
    "examples": (list,),
    "enum": (list,),
    "format": (str,),
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "exclusiveMinimum": _NUMBER,
    "exclusiveMaximum": _NUMBER,
    "minLength": (int,),
    "maxLength": (int,),
    "minItems": (int,),
    "maxItems": (int,),
    "pattern": (str,),
    "multipleOf": _NUMBER,
    "uniqueItems": (bool,),
}
_UNIONS = ("anyOf", "oneOf")


def plain_schema(document: Any, place: str) -> dict[str, Any]:
    """`document` with nothing in it but types, bounds, enumerations, `properties`, `required` and `items`.

    place: for messages.  A schema inside itself keeps only its type and description; of alternatives the
    first that is not null counts.  Raises `BadRow` (malformed, broken_reference, too_large).
    """
    if not isinstance(document, dict):
        raise BadRow(CrawlReason.MALFORMED, f"{place}: a schema must be an object")
    return _Plainer(document, place).schema(document, place, ())


class _Plainer:
    def __init__(self, document: Mapping[str, Any], place: str) -> None:
        self._document = document
        self._place = place
        self._left = MAX_NODES

    def schema(self, raw: Any, place: str, inside: tuple[str, ...]) -> dict[str, Any]:
        """inside: the references that are being resolved around this schema."""
        self._count()
        if not isinstance(raw, dict):
            if isinstance(raw, bool):
                return {}
            raise BadRow(CrawlReason.MALFORMED, f"{place}: a schema must be an object")
        if len(inside) > MAX_DEPTH or place.count("/") > 3 * MAX_DEPTH:
            return {}
        plain = _keywords(raw)
        self._add_parts(plain, raw, place, inside)
        for part in self._merged_parts(raw, place, inside):
            plain = _merged(part, plain)
        return plain

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            fault = f"more than {MAX_NODES:,} schemas when references are resolved"
            raise BadRow(CrawlReason.TOO_LARGE, f"{self._place}: {fault}")

    def _add_parts(
        self, plain: dict[str, Any], raw: dict[str, Any], place: str, inside: tuple[str, ...]
    ) -> None:
        properties = raw.get("properties")
        if isinstance(properties, dict):
            plain["properties"] = {
                name: self.schema(schema, f"{place}/properties/{name}", inside)
                for name, schema in properties.items()
                if schema is not False
            }
        if isinstance(raw.get("items"), dict):
            plain["items"] = self.schema(raw["items"], f"{place}/items", inside)

    def _merged_parts(self, raw: dict[str, Any], place: str, inside: tuple[str, ...]) -> list[dict[str, Any]]:
        """What a schema takes over from others: by reference, from all of `allOf`, from one alternative."""
        parts = []
        if "$ref" in raw:
            parts.append(self._referred(raw["$ref"], place, inside))
        every = raw.get("allOf")
        if isinstance(every, list):
            parts += [self.schema(each, f"{place}/allOf/{at}", inside) for at, each in enumerate(every)]
        for union in _UNIONS:
            at = _first_alternative(raw.get(union))
            if at is not None:
                parts.append(self.schema(raw[union][at], f"{place}/{union}/{at}", inside))
        return parts

    def _referred(self, reference: Any, place: str, inside: tuple[str, ...]) -> dict[str, Any]:
        target = self._lookup(reference, place)
        if reference in inside:
            said = _keywords(target)
            return {name: said[name] for name in ("type", "description") if name in said}
        return self.schema(target, f"{place}/$ref", (*inside, reference))

    def _lookup(self, reference: Any, place: str) -> dict[str, Any]:
        """The schema at a JSON pointer of the document."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise _broken(place, reference, "leads out of the tool's schema")
        found: Any = self._document
        for step in reference.split("/")[1:]:
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                raise _broken(place, reference, "leads nowhere")
        if not isinstance(found, dict):
            raise _broken(place, reference, "leads to something that is no schema")
        return found


def _broken(place: str, reference: Any, what: str) -> BadRow:
    return BadRow(CrawlReason.BROKEN_REFERENCE, f"{place}: $ref {reference!r} {what}")


def _keywords(raw: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: raw[name] for name, kinds in _KEYWORDS.items() if name in raw and _is(raw[name], kinds)}
    if "description" in plain:
        plain["description"] = legible(plain["description"])
    declared = raw.get("type")
    types = [declared] if isinstance(declared, str) else declared if isinstance(declared, list) else []
    known = [each for each in types if isinstance(each, str) and each in _TYPES]
    if known:
        plain = {"type": known[0]} | plain
    if "const" in raw:
        plain["enum"] = [raw["const"]]
    if "enum" in plain:
        plain["enum"] = [value for value in plain["enum"] if value is not None]
    required = raw.get("required")
    if isinstance(required, list):
        plain["required"] = [name for name in required if isinstance(name, str)]
    return plain


def _is(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (object in kinds or bool in kinds or not isinstance(value, bool))


def _first_alternative(alternatives: Any) -> int | None:
    """The place of the first that is not null; None when there is none."""
    if not isinstance(alternatives, list):
        return None
    return next((at for at, each in enumerate(alternatives) if not _is_null(each)), None)


def _is_null(schema: Any) -> bool:
    return schema is False or (isinstance(schema, dict) and schema.get("type") == "null")


def _merged(part: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """What the schema itself says goes before what it takes over; properties and requirements add up."""
    merged = part | own
    if "properties" in part and "properties" in own:
        merged["properties"] = part["properties"] | own["properties"]
    if "required" in part and "required" in own:
        merged["required"] = list(dict.fromkeys([*own["required"], *part["required"]]))
    return merged


_HIDDEN = frozenset({"Cc", "Cf", "Cs"})
_NEEDED = frozenset("\n\t\u200c\u200d")  # the joiners spell words in some scripts


def legible(text: str) -> str:
    """Without characters that steer a terminal or hide text from the eye; line breaks and tabs stay."""
    return "".join(
        each for each in text if each in _NEEDED or unicodedata.category(each) not in _HIDDEN
    ).strip()
