from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openapi_crawl import Json, api, document, operation, swagger


def response(folder: Path, responses: Json) -> tuple[str | None, str | None]:
    found = api(folder, document(operation(responses=responses)))
    return found.response_schema, found.example_response


def content(**said: Any) -> Json:
    return {"content": {"application/json": said}}


TEXT = {"type": "string"}
NUMBER = {"type": "number"}


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ({}, (None, None)),
        ({"200": content(schema=TEXT)}, ('{"type":"string"}', None)),
        ({"404": content(schema=TEXT), "201": content(schema=NUMBER)}, ('{"type":"number"}', None)),
        ({"2XX": content(schema=TEXT)}, ('{"type":"string"}', None)),
        ({"default": content(schema=TEXT), "204": {}}, ('{"type":"string"}', None)),
        ({"200": content(example={"a": 1})}, (None, '{"a":1}')),
        ({"200": content(examples={"x": {"value": [1]}, "y": {"value": [2]}})}, (None, "[1]")),
        (
            {"200": content(examples={"x": {"externalValue": "https://zoo.test"}, "y": {"value": [2]}})},
            (None, "[2]"),
        ),
        ({"200": content(examples={"x": {"dataValue": {"a": 1}}})}, (None, '{"a":1}')),
        ({"200": content(examples={"x": {"$ref": "#/nope"}})}, (None, None)),
        ({"200": content(schema=TEXT | {"example": "Rex"})}, ('{"type":"string","example":"Rex"}', '"Rex"')),
        ({"200": content(example="x" * 100_000, schema=TEXT)}, ('{"type":"string"}', None)),
        (
            {
                "200": {
                    "content": {
                        "application/xml": {"schema": NUMBER},
                        "application/hal+json": {"schema": TEXT},
                    }
                }
            },
            ('{"type":"string"}', None),
        ),
        ({"200": {"content": {"image/png": {}}}}, (None, None)),
        ({"200": {"$ref": "#/nope"}, "201": content(schema=TEXT)}, ('{"type":"string"}', None)),
        ({"200": "fine", "201": None}, (None, None)),
    ],
)
def test_responses_of_3(tmp_path: Path, responses: Json, expected: tuple[str | None, str | None]) -> None:
    assert response(tmp_path, responses) == expected


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ({"200": {"schema": TEXT}}, ('{"type":"string"}', None)),
        ({"200": {"schema": TEXT, "examples": {"application/json": "Rex"}}}, ('{"type":"string"}', '"Rex"')),
        ({"200": {"examples": {"application/xml": "<a/>", "application/json": {"a": 1}}}}, (None, '{"a":1}')),
        ({"200": {"description": "Fine"}}, (None, None)),
    ],
)
def test_responses_of_2(tmp_path: Path, responses: Json, expected: tuple[str | None, str | None]) -> None:
    found = api(tmp_path, swagger(operation(responses=responses)))
    assert (found.response_schema, found.example_response) == expected
