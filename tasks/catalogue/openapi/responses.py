"""What an operation answers when all is well: schema and example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tasks import exact_json
from tasks.catalogue.openapi import media
from tasks.catalogue.openapi.examples import examples_at
from tasks.catalogue.openapi.refs import References
from tasks.catalogue.openapi.schemas import Json, Schemas
from tasks.catalogue.openapi.spots import Spot
from tasks.errors import BadRow

SCHEMAS_IN_A_RESPONSE = 200
LARGEST_EXAMPLE = 65_536  # bytes


def response_of(operation: Spot, schemas: Schemas, references: References) -> tuple[Json | None, Any]:
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


def _contents(operation: Spot, references: References) -> Iterator[Spot]:
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
        yield from (inner for kind, inner in content.fields() if media.is_json(kind))


def _swagger_content(response: Spot) -> Spot:
    """A response of 2.0 as a media type: its examples are keyed by media type."""
    examples = response.get("examples")
    in_json = [inner.value for kind, inner in examples.fields() if media.is_json(kind)] if examples else []
    schema = {"schema": response.value["schema"]} if response.get("schema") else {}
    return response.with_value(schema | ({"example": in_json[0]} if in_json else {}))


def _schema(content: Spot, schemas: Schemas) -> Json | None:
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
