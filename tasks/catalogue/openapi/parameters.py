"""The parameters of an operation that are not its body, in the form of a tool's documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from tasks.catalogue.openapi.document import Operation
from tasks.catalogue.openapi.files import Elsewhere
from tasks.catalogue.openapi.keywords import as_meant, is_true
from tasks.catalogue.openapi.location import JsonLocation, capped
from tasks.catalogue.openapi.refs import References, reference_in
from tasks.catalogue.openapi.schemas import Schemas
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow
from tasks.exact_json import Json

Credentials = Set[tuple[str, str]]  # places, and names in lower case

MAX_PARAMETERS = 500
SCHEMAS_IN_A_PARAMETER = 50

IN_BODY = frozenset({"body", "formdata"})
_SENT = frozenset({"path", "query", "header"})
# OpenAPI says these are not parameters, even where a document lists them.
_NOT_PARAMETERS = frozenset({"accept", "content-type", "authorization"})
_PLACEHOLDER = re.compile(r"{([^{}]+)}")


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter object, and where it says that it goes."""

    name: str
    location: str
    spot: JsonLocation

    @property
    def is_required(self) -> bool:
        return self.location == "path" or is_true(self.spot.value.get("required"))


def given_parameters(operation: Operation, references: References, left_out: list[str]) -> list[Given]:
    """The parameters of the path and of the operation, whose own replace equal ones.

    left_out: gets a remark on each that is described at another host only; where the reference names it, the
    operation is used without.  Raises `BadRow` for a broken reference, for one without name or place, and for
    too many.
    """
    found: dict[tuple[str, str], Given] = {}
    for level in (operation.item, operation.spot):
        listed = level.get("parameters")
        elements = [] if listed is None else list(listed.elements())
        if len(elements) > MAX_PARAMETERS:
            raise level.bad(
                CrawlReason.TOO_LARGE, f"{len(elements):,} parameters; up to {MAX_PARAMETERS} can be offered"
            )
        for element in elements:
            try:
                given = _given(references.follow(element))
            except Elsewhere as fault:
                name = (reference_in(element.value) or "").partition("#")[2].rpartition("/")[2]
                if not name:
                    raise
                left_out.append(f"the parameter {name}: {fault.message}")
                continue
            found[given.location, given.name] = given
    return list(found.values())


class ParameterReader:
    """Parameters of one document's operations.  is_swagger: version 2.0."""

    def __init__(self, schemas: Schemas, references: References, *, is_swagger: bool) -> None:
        self._schemas = schemas
        self._references = references
        self._is_swagger = is_swagger

    def outside_body(self, path: str, query: str, given: list[Given], credentials: Credentials) -> list[Json]:
        """Path, query and header parameters, in the document's order.

        path, query: of the operation's address.  credentials: what the security schemes fill.  Raises
        `BadRow` for a broken reference, and for what is required but cannot be sent.
        """
        placeholders = _PLACEHOLDER.findall(path)
        described = [self.described(p) for p in given if _is_sent(p, placeholders, credentials)]
        names = {(said["in"], said["name"]) for said in described}
        undescribed = [name for name in dict.fromkeys(placeholders) if ("path", name) not in names]
        return [
            *described,
            *(_text_parameter(name, "path", required=True) for name in undescribed),
            *self._of_query(query, given, {name for place, name in names if place == "query"}),
        ]

    def described(self, given: Given) -> Json:
        """One parameter, wherever it goes."""
        schema = self._schema(given.spot)
        kind = schema.get("type", "string")
        said = {
            "name": given.name,
            "in": given.location,
            "type": kind,
            "required": given.is_required,
            "description": capped(given.spot.text("description")) or schema.get("description", ""),
        }
        style = style_of(given.spot, given.location, kind, is_swagger=self._is_swagger)
        return schema | said | ({} if style is None else {"x-style": style})

    def _schema(self, spot: JsonLocation) -> Json:
        """Of `schema`, of `content`, or (2.0) of the parameter itself."""
        media = _content(spot)
        inner = spot.get("schema") or (media and media.get("schema")) or spot
        try:
            schema = self._schemas.written_out(inner, "request", limit=SCHEMAS_IN_A_PARAMETER)
        except Elsewhere as fault:
            self._schemas.left_out.append(fault.message)
            schema = {}
        shown = examples_at(spot, self._references) if inner is not spot else []
        shown += examples_at(media, self._references) if media else []
        if not shown:
            return schema
        first, *others = [as_meant(value, schema) for value in shown]
        told = [schema["example"]] if "example" in schema else []
        return schema | {"example": first, "examples": [*others, *told, *schema.get("examples", ())]}

    def _of_query(self, query: str, given: list[Given], described: set[str]) -> Iterator[Json]:
        """The fields that are part of a path: those with a value are sent as they are."""
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name in described:
                continue
            placeholder = _PLACEHOLDER.fullmatch(value)
            if placeholder is None:
                yield _text_parameter(name, "query", required=True) | {"default": value, "enum": [value]}
                continue
            filled_by = [parameter for parameter in given if parameter.name == placeholder[1]]
            for parameter in filled_by[:1]:
                yield self.described(replace(parameter, name=name, location="query"))
            if not filled_by:
                yield _text_parameter(name, "query", required=False)


def _given(spot: JsonLocation) -> Given:
    name, location = spot.text("name"), spot.text("in").lower()
    if not name or not location:
        raise spot.bad(CrawlReason.MALFORMED, "a parameter needs a `name` and an `in`")
    return Given(name, location, spot)


def _is_sent(given: Given, placeholders: list[str], credentials: Credentials) -> bool:
    if given.location in IN_BODY or (given.location, given.name.lower()) in credentials:
        return False
    if given.location == "path":
        return given.name in placeholders
    if given.location == "header":
        return given.name.lower() not in _NOT_PARAMETERS
    if given.location not in _SENT and given.is_required:
        raise given.spot.bad(
            CrawlReason.UNSUPPORTED_PARAMETER,
            f"{given.name!r} is required, and nothing is sent in {given.location!r}",
        )
    return given.location in _SENT


def _content(spot: JsonLocation) -> JsonLocation | None:
    content = spot.get("content")
    return None if content is None else next((inner for _, inner in content.fields()), None)


def _text_parameter(name: str, location: str, *, required: bool) -> Json:
    said: dict[str, Any] = {"name": name, "in": location, "type": "string", "required": required}
    return said


_SWAGGER = {"": "csv", "csv": "csv", "ssv": "ssv", "tsv": "tsv", "pipes": "pipes"}
_DELIMITED = {"form": "csv", "spaceDelimited": "ssv", "pipeDelimited": "pipes"}


def style_of(spot: JsonLocation, location: str, kind: str, *, is_swagger: bool) -> str | None:
    """The style of a parameter of type `kind`; None for the usual one of its place.

    Raises `BadRow` (unsupported_parameter) for a style of paths that no request is made in.
    """
    if is_swagger and spot.get("schema") is None:  # with one it is written as in 3.0, in whatever version
        repeats = location in {"query", "formdata"}
        return _SWAGGER.get(spot.text("collectionFormat")) if kind == "array" and repeats else None
    if spot.get("content") is not None:
        return "json" if kind == "array" else None
    style = spot.text("style")
    if location == "path" and style in {"label", "matrix"}:
        raise spot.bad(CrawlReason.UNSUPPORTED_PARAMETER, f"paths are not written in the style {style!r}")
    explode = spot.value.get("explode")
    return _of_query(style or "form", kind, explode=explode) if location == "query" else None


def style_of_field(encoding: JsonLocation | None, kind: str) -> str | None:
    """The style of a field of a form, as the `encoding` of its media type says."""
    if (
        encoding is None
        or not isinstance(encoding.value, dict)
        or not {"style", "explode"} & encoding.value.keys()
    ):
        return None
    return _of_query(encoding.text("style") or "form", kind, explode=encoding.value.get("explode"))


def _of_query(style: str, kind: str, *, explode: object) -> str | None:
    """explode: as the document says, anything but a boolean or its name when it does not."""
    said = str(explode).strip().lower()
    exploded = said == "true" if said in {"true", "false"} else style == "form"
    if kind == "array":
        return None if exploded else _DELIMITED.get(style)
    if kind == "object":
        if style == "deepObject":
            return style
        return "exploded" if exploded else _DELIMITED.get(style)
    return None


def examples_at(spot: JsonLocation, references: References) -> list[Any]:
    """The examples of a parameter, media type or response object, the one that stands alone first.

    What only refers to an example that is not there has none.
    """
    alone = [spot.get(name) for name in ("example", "x-example")]
    examples = spot.get("examples")
    several = () if examples is None else (*examples.elements(), *(inner for _, inner in examples.fields()))
    found = [*(said.value for said in alone if said), *(_value(one, references) for one in several)]
    return [value for value in found if value is not None]


def _value(example: JsonLocation, references: References) -> Any:
    """Of an Example object (`value`, or 3.2's `dataValue`), or of what is an example as it stands."""
    try:
        said = references.follow(example)
    except BadRow:
        return None
    if not isinstance(said.value, dict):
        return said.value
    named = [inner.value for key in ("value", "dataValue") if (inner := said.get(key)) is not None]
    is_object = named or {"summary", "externalValue", "serializedValue"} & said.value.keys()
    return next(iter(named), None) if is_object else said.value
