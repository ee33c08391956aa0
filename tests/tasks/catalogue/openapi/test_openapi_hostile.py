"""Documents that are wrong in every possible place: each is read or rejected, none ends the crawl."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_crawl import Json, crawl, document, swagger, write

PET = {
    "allOf": [
        {"$ref": "#/components/schemas/Thing"},
        {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string", "example": "Rex"}},
        },
    ]
}
THREE = document(
    {
        "/pets/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "servers": [{"url": "https://{a}.test", "variables": {"a": {"default": "zoo", "enum": ["zoo"]}}}],
            "get": {
                "operationId": "getPet",
                "tags": ["pets"],
                "parameters": [
                    {
                        "name": "q",
                        "in": "query",
                        "style": "form",
                        "explode": False,
                        "schema": {"type": "array"},
                    },
                    {"name": "X-A", "in": "header", "content": {"application/json": {"schema": PET}}},
                ],
                "responses": {
                    "200": {"content": {"application/json": {"schema": PET, "examples": {"a": {"value": 1}}}}}
                },
                "security": [{"key": []}, {}],
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {"type": "object", "properties": {"a": {"enum": ["x"], "maximum": 3}}},
                            "encoding": {"a": {"style": "form", "explode": False}},
                        }
                    },
                }
            },
        }
    },
    tags=[{"name": "pets"}],
    components={
        "parameters": {"Id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}},
        "schemas": {
            "Thing": {
                "type": "object",
                "properties": {"parts": {"items": {"$ref": "#/components/schemas/Thing"}}},
            }
        },
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    },
)
TWO = swagger(
    {
        "/pets": {
            "get": {
                "parameters": [{"name": "ids", "in": "query", "type": "array", "collectionFormat": "csv"}]
            },
            "post": {
                "consumes": ["application/json"],
                "parameters": [{"name": "b", "in": "body", "schema": {"$ref": "#/definitions/Pet"}}],
                "responses": {
                    "200": {"schema": {"$ref": "#/definitions/Pet"}, "examples": {"application/json": {}}}
                },
            },
            "put": {"parameters": [{"name": "f", "in": "formData", "type": "file"}], "schemes": ["http"]},
        }
    },
    definitions={"Pet": {"properties": {"a": {"additionalProperties": {"type": "string"}}}}},
    securityDefinitions={"basic": {"type": "basic"}},
    security=[{"basic": []}],
)
JUNK: list[Any] = [
    *(None, True, 0, -1, 2.5, 10**17, "", "x", "#/", "\0", "{a}", "ü" * 300),
    *([], {}, [None], [[]], {"": {}}, {"a": {"b": [1]}}, [1, "a", {}]),
    *(
        {"$ref": "#"},
        {"$ref": "#/paths"},
        {"$ref": 5},
        {"$ref": "#/nope"},
        {"$ref": "zoo.json"},
        {"$ref": "\0"},
    ),
    *({"type": ["null"]}, {"type": {}}, {"oneOf": "x"}, {"allOf": [{"$ref": "#"}]}, {"enum": [None]}),
]


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value within."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*above, key)
        yield from places(below, (*above, key))


def damaged(said: Json, damages: list[tuple[int, int]]) -> Json:
    """With junk at some of its places; -1 takes the value away."""
    result = copy.deepcopy(said)
    for place, junk in damages:
        ways = list(places(result))
        if not ways:
            break
        *above, last = ways[place % len(ways)]
        holder: Any = result
        for key in above:
            holder = holder[key]
        if junk < 0:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(JUNK[junk])
    return result


DAMAGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(-1, len(JUNK) - 1)), min_size=1, max_size=12)


@pytest.mark.parametrize("whole", [TWO, THREE], ids=["2.0", "3.0"])
def test_the_documents_are_sound_before_they_are_damaged(tmp_path: Path, whole: Json) -> None:
    _, (crawled,) = crawl(write(tmp_path, {"zoo.json": whole}))
    assert crawled.rejects == ()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(whole=st.sampled_from([TWO, THREE]), damages=DAMAGES)
def test_damaged_documents_are_read_or_rejected(tmp_path: Path, whole: Json, damages: Any) -> None:
    write(tmp_path, {"zoo.json": damaged(whole, damages), "whole.json": whole})
    listing, crawled = crawl(tmp_path)
    again, crawled_again = crawl(tmp_path)
    assert (again, crawled_again) == (listing, crawled)
    assert {entry.id for entry in listing.entries} | {row.row_id for row in listing.rejects} >= {"whole.json"}
    rows = [row for found in crawled for row in found.rejects]
    assert all(len(row.detail) < 3000 for row in rows)
    assert len({row.row_id for row in rows}) == len(rows)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_read_or_rejected(tmp_path: Path, raw: bytes) -> None:
    listing, crawled = crawl(write(tmp_path, {"zoo.yaml": raw, "whole.json": TWO}))
    assert [found.entry.id for found in crawled if found.tool is not None] == ["whole.json"]
    assert len(listing.entries) + len(listing.rejects) in (1, 2)
