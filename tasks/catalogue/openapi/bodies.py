"""The body of an operation, in the form of a tool's documentation."""

from __future__ import annotations

from tasks.catalogue.openapi import media
from tasks.catalogue.openapi.document import Document, Operation
from tasks.catalogue.openapi.examples import examples_at
from tasks.catalogue.openapi.keywords import is_true
from tasks.catalogue.openapi.parameters import IN_BODY, Given, ParameterReader
from tasks.catalogue.openapi.refs import References
from tasks.catalogue.openapi.schemas import Json, Schemas
from tasks.catalogue.openapi.spots import Spot
from tasks.catalogue.openapi.styles import style_of_field
from tasks.catalogue.openapi.texts import capped
from tasks.catalogue.source import CrawlReason

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

    def _request_body(self, spot: Spot) -> Json | None:
        contents = dict((spot.get("content") or spot.with_value({})).fields())
        chosen = media.best_for_request(list(contents))
        required = isinstance(spot.value, dict) and is_true(spot.value.get("required"))
        if chosen is None:
            _refuse_if(required, spot, list(contents))
            return None
        content = self._references.follow(contents[chosen])
        schema = self._written(content.get("schema"))
        body = {
            "content_type": media.sent_as(chosen),
            "description": capped(spot.text("description")),
            "required": required,
            "schema": schema,
            "examples": examples_at(content, self._references),
        }
        if media.is_form(chosen) or media.is_multipart(chosen):
            body["schema"] = _styled(_without_files(schema, content, content.get("encoding")), content)
        return body

    def _written(self, schema: Spot | None) -> Json:
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
        chosen = media.best_for_request([kind for kind in consumes if not media.is_multipart(kind)])
        if chosen is None and consumes:
            _refuse_if(given.is_required, given.spot, consumes)
            return None
        return {
            "content_type": media.sent_as(chosen or media.JSON),
            "description": capped(given.spot.text("description")),
            "required": given.is_required,
            "schema": self._written(given.spot.get("schema")),
            "examples": examples_at(given.spot, self._references),
        }

    def _form(self, operation: Operation, fields: list[Given], consumes: list[str]) -> Json:
        multipart = any(map(media.is_multipart, consumes)) and not any(map(media.is_form, consumes))
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
            "content_type": media.MULTIPART if multipart else media.FORM,
            "schema": _without_files(schema, operation.spot, None),
        }


def _refuse_if(required: bool, spot: Spot, media_types: list[str]) -> None:
    if required:
        named = ", ".join(media_types)[:200] or "no media type"
        raise spot.bad(CrawlReason.UNSUPPORTED_BODY, f"a body of {named} cannot be made from arguments")


def _without_files(schema: Json, spot: Spot, encoding: Spot | None) -> Json:
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


def _is_file(schema: Json, encoding: Spot | None) -> bool:
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
    return media.is_json(media_type) or media.is_text(media_type) or media.is_form(media_type)


def _styled(schema: Json, content: Spot) -> Json:
    """The schema of a form with the styles that the media type's `encoding` gives its fields."""
    properties = {
        name: said | ({} if style is None else {"x-style": style})
        for name, said in schema.get("properties", {}).items()
        for style in [style_of_field(content.at("encoding", name), said.get("type", "string"))]
    }
    return schema | {"properties": properties} if properties else schema
