"""The bodies of an operation, of its request and of its responses, in the form of a tool's documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tasks import exact_json
from tasks.catalogue.openapi.document import Document, Operation
from tasks.catalogue.openapi.keywords import is_true
from tasks.catalogue.openapi.location import JsonLocation, capped
from tasks.catalogue.openapi.parameters import IN_BODY, Given, ParameterReader, examples_at, style_of_field
from tasks.catalogue.openapi.refs import References
from tasks.catalogue.openapi.schemas import Schemas
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow
from tasks.exact_json import Json

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_JSON = re.compile(r"(?:application|text)/(?:[\w.+-]*\+)?json\b|\*/\*|application/\*", re.IGNORECASE)
_PLAIN_TEXT = re.compile(r"text/plain\b", re.IGNORECASE)


def is_json(media_type: str) -> bool:
    """Whether JSON is meant or, with a wildcard, admitted."""
    return _JSON.match(media_type.strip()) is not None


def is_text(media_type: str) -> bool:
    return _PLAIN_TEXT.match(media_type.strip()) is not None


def is_form(media_type: str) -> bool:
    return media_type.strip().lower().startswith(FORM)


def is_multipart(media_type: str) -> bool:
    return media_type.strip().lower().startswith(MULTIPART)


def best_for_request(media_types: Sequence[str]) -> str | None:
    """The one that arguments are best put into; None when they fit into none."""
    for suits in (is_json, is_form, is_multipart, is_text):
        for media_type in media_types:
            if suits(media_type):
                return media_type
    return None


def sent_as(media_type: str) -> str:
    """What a request says it is: a wildcard becomes JSON."""
    return JSON if "*" in media_type else media_type.strip()


SCHEMAS_IN_A_BODY = 150

_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class BodyReader:
    """Bodies of one document's operations."""

    def __init__(
        self, document: Document, schemas: Schemas, references: References, parameters: ParameterReader
    ) -> None:
        self._document = document
        self._schemas = schemas
        self._references = references
        self._parameters = parameters

    def body(self, operation: Operation, given: list[Given]) -> Json | None:
        """None when the operation takes none, or can do without one that cannot be made.

        Raises `BadRow` for a broken reference, and (unsupported_body) for a body it cannot do without.
        """
        if operation.method in _WITHOUT_BODY:
            return None
        if self._document.is_swagger:
            return self._swagger_body(operation, given)
        said = operation.spot.get("requestBody")
        return None if said is None else self._request_body(self._references.follow(said))

    def _request_body(self, spot: JsonLocation) -> Json | None:
        contents = dict((spot.get("content") or spot.with_value({})).fields())
        chosen = best_for_request(list(contents))
        required = isinstance(spot.value, dict) and is_true(spot.value.get("required"))
        if chosen is None:
            _refuse_if(required, spot, list(contents))
            return None
        content = self._references.follow(contents[chosen])
        schema = self._written(content.get("schema"))
        body = {
            "content_type": sent_as(chosen),
            "description": capped(spot.text("description")),
            "required": required,
            "schema": schema,
            "examples": examples_at(content, self._references),
        }
        if is_form(chosen) or is_multipart(chosen):
            body["schema"] = _styled(_without_files(schema, content, content.get("encoding")), content)
        return body

    def _written(self, schema: JsonLocation | None) -> Json:
        if schema is None:
            return {}
        already = len(self._schemas.left_out)
        written = self._schemas.written_out(schema, "request", limit=SCHEMAS_IN_A_BODY)
        left_out = self._schemas.left_out[already:]
        if left_out and not written.get("properties"):
            raise schema.bad(CrawlReason.BROKEN_REFERENCE, left_out[0])
        return written

    def _swagger_body(self, operation: Operation, given: list[Given]) -> Json | None:
        consumes = self._consumes(operation)
        whole = next((parameter for parameter in given if parameter.location == "body"), None)
        if whole is not None:
            return self._whole(whole, consumes)
        fields = [parameter for parameter in given if parameter.location in IN_BODY]
        return self._form(operation, fields, consumes) if fields else None

    def _consumes(self, operation: Operation) -> list[str]:
        said = operation.spot.get("consumes") or self._document.root.get("consumes")
        elements = () if said is None else said.elements()
        return [element.value for element in elements if isinstance(element.value, str)]

    def _whole(self, given: Given, consumes: list[str]) -> Json | None:
        chosen = best_for_request([kind for kind in consumes if not is_multipart(kind)])
        if chosen is None and consumes:
            _refuse_if(given.is_required, given.spot, consumes)
            return None
        return {
            "content_type": sent_as(chosen or JSON),
            "description": capped(given.spot.text("description")),
            "required": given.is_required,
            "schema": self._written(given.spot.get("schema")),
            "examples": examples_at(given.spot, self._references),
        }

    def _form(self, operation: Operation, fields: list[Given], consumes: list[str]) -> Json:
        multipart = any(map(is_multipart, consumes)) and not any(map(is_form, consumes))
        described = {field.name: self._parameters.described(field) for field in fields}
        schema = {
            "type": "object",
            "properties": {
                name: {key: value for key, value in said.items() if key not in {"name", "in", "required"}}
                for name, said in described.items()
            },
            "required": [name for name, said in described.items() if said["required"]],
        }
        return {
            "content_type": MULTIPART if multipart else FORM,
            "schema": _without_files(schema, operation.spot, None),
        }


def _refuse_if(required: bool, spot: JsonLocation, media_types: list[str]) -> None:
    if required:
        named = ", ".join(media_types)[:200] or "no media type"
        raise spot.bad(CrawlReason.UNSUPPORTED_BODY, f"a body of {named} cannot be made from arguments")


def _without_files(schema: Json, spot: JsonLocation, encoding: JsonLocation | None) -> Json:
    """The schema of a form without its optional files.  encoding: how fields are sent, if it is said."""
    properties = schema.get("properties", {})
    files = {name for name, said in properties.items() if _is_file(said, encoding and encoding.get(name))}
    needed = sorted(files & set(schema.get("required", ())))
    if needed:
        raise spot.bad(CrawlReason.UNSUPPORTED_BODY, f"the field {needed[0]!r} of the body is a file")
    return (
        schema | {"properties": {n: said for n, said in properties.items() if n not in files}}
        if files
        else schema
    )


def _is_file(schema: Json, encoding: JsonLocation | None) -> bool:
    """Whether a field of a form holds bytes: by its `format` (3.0), its content (3.1) or how it is sent."""
    sent_as = "" if encoding is None else encoding.text("contentType")
    for said in (schema, *([schema["items"]] if "items" in schema else [])):
        content = said.get("contentMediaType", "") or sent_as
        if said.get("format") == "binary" or (
            said.get("type", "string") == "string" and _is_bytes(content, said.get("enum"))
        ):
            return True
    return False


def _is_bytes(media_types: str, values: object) -> bool:
    """Whether none of the media types, divided by commas, is one that text can be."""
    several = [kind for kind in media_types.split(",") if kind.strip()]
    return bool(several) and values is None and not any(map(_is_readable, several))


def _is_readable(media_type: str) -> bool:
    return is_json(media_type) or is_text(media_type) or is_form(media_type)


def _styled(schema: Json, content: JsonLocation) -> Json:
    """The schema of a form with the styles that the media type's `encoding` gives its fields."""
    properties = {
        name: said | ({} if style is None else {"x-style": style})
        for name, said in schema.get("properties", {}).items()
        for style in [style_of_field(content.at("encoding", name), said.get("type", "string"))]
    }
    return schema | {"properties": properties} if properties else schema


SCHEMAS_IN_A_RESPONSE = 200
LARGEST_EXAMPLE = 65_536  # bytes


def response_of(operation: JsonLocation, schemas: Schemas, references: References) -> tuple[Json | None, Any]:
    """Schema and example of the first good response in JSON; None for what is not documented.

    A response that refers to what is not there counts as not documented: the operation can be called.
    """
    for content in _contents(operation, references):
        schema = _schema(content, schemas)
        example = next(iter(examples_at(content, references)), None)
        if example is None and schema is not None:
            example = schema.get("example")
        if schema is not None or example is not None:
            return schema, _of_reasonable_size(example)
    return None, None


def _contents(operation: JsonLocation, references: References) -> Iterator[JsonLocation]:
    """The JSON contents of 200, the other 2xx, and the default; of 2.0 the responses themselves."""
    responses = dict((operation.get("responses") or operation.with_value({})).fields())
    good = sorted(code for code in responses if code[:1] == "2")
    for code in [*good, *(["default"] if "default" in responses else [])]:
        try:
            response = references.follow(responses[code])
        except BadRow:
            continue
        content = response.get("content")
        if content is None:
            yield _swagger_content(response)
            continue
        yield from (inner for kind, inner in content.fields() if is_json(kind))


def _swagger_content(response: JsonLocation) -> JsonLocation:
    """A response of 2.0 as a media type: its examples are keyed by media type."""
    examples = response.get("examples")
    in_json = [inner.value for kind, inner in examples.fields() if is_json(kind)] if examples else []
    schema = {"schema": response.value["schema"]} if response.get("schema") else {}
    return response.with_value(schema | ({"example": in_json[0]} if in_json else {}))


def _schema(content: JsonLocation, schemas: Schemas) -> Json | None:
    said = content.get("schema")
    try:
        return (
            None
            if said is None
            else schemas.written_out(said, "response", limit=SCHEMAS_IN_A_RESPONSE) or None
        )
    except BadRow:
        return None


def _of_reasonable_size(example: Any) -> Any:
    try:
        return example if len(exact_json.dumps(example)) <= LARGEST_EXAMPLE else None
    except TypeError:  # nested beyond what JSON libraries take
        return None
