"""From documented parameters and body schemas to the `parameters` column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from tasks import exact_json
from tasks.catalogue.detail import (
    ApiDetail,
    Body,
    BodySchema,
    ParameterDetail,
    PropertySchema,
    Schema,
    distinct,
    explain,
)
from tasks.catalogue.names import argument_name, first_distinct, short_hash
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow
from warehouse.tables.catalogue import WHOLE_BODY, Parameter

_TEMPLATE = re.compile(r"{([^{}]+)}")
_BODIES_OF_FIELDS = re.compile(
    r"(?:application|text)/(?:.*\+)?json|application/x-www-form-urlencoded|multipart/form-data", re.IGNORECASE
)
_BODIES_OF_TEXT = re.compile(r"text/plain", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Described:
    """A parameter or body field, its values still JSON values."""

    name: str
    location: str
    type: str
    required: bool
    description: str
    default: Any
    keywords: dict[str, Any] = field(default_factory=dict)


def parameters_of(detail: ApiDetail) -> tuple[Parameter, ...]:
    """Path, query and header parameters in the source's order, then the top-level fields of the body.

    Raises `BadRow` where an argument could not be put into a request.
    """
    described = [_parameter(parameter) for parameter in detail.parameters]
    if detail.body is not None:
        described.extend(_body_fields(detail.body))
    _check_places(detail.path, described)
    names = first_distinct([_name_choices(parameter) for parameter in described])
    return tuple(_row(parameter, arg_name) for parameter, arg_name in zip(described, names, strict=True))


def json_text(value: Any) -> str:
    """Compact JSON text, keys in the source's order."""
    return exact_json.dumps(value).decode()


def _parameter(detail: ParameterDetail) -> _Described:
    return _Described(
        name=detail.name,
        location=detail.location,
        type=detail.type,
        required=detail.required or detail.location == "path",
        description=detail.description,
        default=detail.default,
        keywords=_keywords(detail, detail.given_examples),
    )


def _body_fields(body: Body) -> Iterator[_Described]:
    schema = _body_schema(body)
    if not schema.properties:
        yield from _whole_body(body, schema)
        return
    wholes = [whole for whole in body.given_examples if isinstance(whole, dict)]
    for name, described in schema.properties.items():
        shown = distinct([*described.given_examples, *(whole.get(name) for whole in wholes)])
        yield _Described(
            name=name,
            location="body",
            type=_type_of(described, _first_given(described.default, *shown)),
            required=name in schema.required,
            description=described.description,
            default=described.default,
            keywords=_keywords(described, shown),
        )


def _whole_body(body: Body, schema: BodySchema) -> Iterator[_Described]:
    """One argument that is all of the body; none where it can only be an empty object."""
    if schema.additional_properties is False:
        return
    described = PropertySchema.model_validate(body.json_schema)
    shown = body.given_examples
    value = _first_given(described.default, *shown, {})
    is_text = _BODIES_OF_TEXT.match(body.content_type) is not None
    yield _Described(
        name=WHOLE_BODY,
        location="body",
        type="string" if is_text else _first_type(schema.type) or _json_type(value),
        required=body.required,
        description=body.description or described.description,
        default=described.default,
        keywords=_keywords(described, shown),
    )


def _keywords(schema: Schema, examples: list[Any]) -> dict[str, Any]:
    """What the source says of the values, examples among it: they are no defaults."""
    if not examples or examples == [schema.default]:
        return schema.keywords
    return {**schema.keywords, "examples": examples}


def _body_schema(body: Body) -> BodySchema:
    is_text = _BODIES_OF_TEXT.match(body.content_type)
    if not is_text and not _BODIES_OF_FIELDS.match(body.content_type):
        raise BadRow(CrawlReason.UNSUPPORTED_BODY, f"a body of {body.content_type} has no fields to fill")
    try:
        schema = BodySchema.model_validate(body.json_schema)
        PropertySchema.model_validate(body.json_schema)
    except ValidationError as error:
        raise BadRow(CrawlReason.MALFORMED, f"body schema: {explain(error)}") from error
    if is_text and schema.properties:
        raise BadRow(CrawlReason.UNSUPPORTED_BODY, f"a body of {body.content_type} cannot have fields")
    return schema


def _first_given(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _first_type(declared: str | list[str] | None) -> str | None:
    types = [declared] if isinstance(declared, str) else declared or []
    return next((name for name in types if name != "null"), None)


def _type_of(schema: PropertySchema, default: Any) -> str:
    declared = _first_type(schema.type)
    if declared is not None:
        return declared
    if schema.properties is not None:
        return "object"
    if schema.items is not None:
        return "array"
    return _json_type(_first_given(default, *(schema.enum or ())))


def _json_type(value: Any) -> str:
    for kind, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (list, "array"),
        (dict, "object"),
    ):
        if isinstance(value, kind):
            return name
    return "string"


def _check_places(path: str, described: Sequence[_Described]) -> None:
    places = [(parameter.location, parameter.name) for parameter in described]
    repeated = sorted(place for place, times in Counter(places).items() if times > 1)
    if repeated:
        location, name = repeated[0]
        raise BadRow(CrawlReason.INCONSISTENT, f"the {location} parameter {name!r} is described twice")
    in_template = set(_TEMPLATE.findall(path))
    in_parameters = {name for location, name in places if location == "path"}
    if in_template != in_parameters:
        raise BadRow(
            CrawlReason.INCONSISTENT,
            f"the path {path} and the path parameters {sorted(in_parameters)} do not name the same",
        )


def _name_choices(parameter: _Described) -> list[str]:
    name = "body" if parameter.name == WHOLE_BODY else argument_name(parameter.name)
    suffix = short_hash(parameter.location, parameter.name)
    return [name, f"{name}_{parameter.location}", f"{name}_{suffix}"]


def _row(parameter: _Described, arg_name: str) -> Parameter:
    default = _allowed(parameter.default, parameter.keywords)
    return Parameter(
        name=parameter.name,
        arg_name=arg_name,
        location=parameter.location,
        type=parameter.type,
        required=parameter.required,
        description=parameter.description,
        default=None if default is None else json_text(default),
        schema=json_text(parameter.keywords) if parameter.keywords else None,
    )


def _allowed(default: Any, keywords: Any) -> Any:
    """The default as the enumeration writes it; None where that does not have it: no such value is valid."""
    said = keywords if isinstance(keywords, dict) else {}
    if isinstance(default, list):
        kept = [_allowed(element, said.get("items")) for element in default]
        return None if None in kept else kept
    choices = said.get("enum")
    if default is None or not isinstance(choices, list) or any(_is_same(default, one) for one in choices):
        return default
    text = _text(default)
    return next((choice for choice in choices if _text(choice) == text), None)


def _is_same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is not true."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else json_text(value)).lower()
