from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openapi_crawl import Json, api, document, operation, rejects, short, swagger

from warehouse.tables.catalogue import Api

NAME = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
NAME_ROW = ("name", "body", "string", True, None, None)


def posted(folder: Path, content: Json, *, method: str = "post", **said: Any) -> Api:
    return api(folder, document({"/pets": {method: {"requestBody": {"content": content} | said}}}))


def posted_2(folder: Path, *parameters: Json, **said: Any) -> Api:
    return api(folder, swagger({"/pets": {"post": {"parameters": list(parameters)} | said}}))


def refused(folder: Path, said: Json) -> tuple[str, str]:
    _, reject = rejects(folder, said)
    return reject[1], reject[2].partition(": zoo.json#")[2]


@pytest.mark.parametrize(
    ("content", "content_type", "rows"),
    [
        ({"application/json": {"schema": NAME}}, "application/json", [NAME_ROW]),
        (
            {"application/xml": {}, "application/json; charset=utf-8": {"schema": NAME}},
            "application/json; charset=utf-8",
            [NAME_ROW],
        ),
        ({"application/vnd.zoo+json": {"schema": NAME}}, "application/vnd.zoo+json", [NAME_ROW]),
        ({"*/*": {"schema": NAME}}, "application/json", [NAME_ROW]),
        (
            {"multipart/form-data": {"schema": NAME}, "application/x-www-form-urlencoded": {"schema": NAME}},
            "application/x-www-form-urlencoded",
            [NAME_ROW],
        ),
        ({"multipart/form-data": {"schema": NAME}}, "multipart/form-data", [NAME_ROW]),
        (
            {"application/json": {"schema": NAME, "example": {"name": "Rex"}}},
            "application/json",
            [("name", "body", "string", True, None, {"examples": ["Rex"]})],
        ),
        (
            {"application/json": {"schema": NAME, "examples": {"a": {"value": {"name": "Rex"}}}}},
            "application/json",
            [("name", "body", "string", True, None, {"examples": ["Rex"]})],
        ),
        (
            {"application/json": {"schema": {"properties": {"id": {"readOnly": True}, "a": {}}}}},
            "application/json",
            [("a", "body", "string", False, None, None)],
        ),
    ],
)
def test_bodies_of_fields(tmp_path: Path, content: Json, content_type: str, rows: Any) -> None:
    found = posted(tmp_path, content)
    assert (found.content_type, [short(row) for row in found.parameters]) == (content_type, rows)


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (
            {"application/json": {"schema": {"type": "array", "items": {"type": "integer"}}}},
            ("", "body", "array", True, None, {"items": {"type": "integer"}}),
        ),
        (
            {"application/json": {"schema": {"type": "integer", "example": 5}}},
            ("", "body", "integer", True, None, {"examples": [5]}),
        ),
        ({"application/json": {"schema": {"type": "object"}}}, ("", "body", "object", True, None, None)),
        (
            {"application/json": {"schema": {"type": "object"}, "example": {"a": 1}}},
            ("", "body", "object", True, None, {"examples": [{"a": 1}]}),
        ),
        ({"application/json": {}}, ("", "body", "object", True, None, None)),
        ({"text/plain": {"schema": {"type": "string"}}}, ("", "body", "string", True, None, None)),
        ({"text/plain": {"example": "Rex"}}, ("", "body", "string", True, None, {"examples": ["Rex"]})),
    ],
)
def test_bodies_that_are_one_value(tmp_path: Path, content: Json, row: Any) -> None:
    (parameter,) = posted(tmp_path, content, required=True, description="All of it").parameters
    assert (short(parameter), parameter.arg_name, parameter.description) == (row, "body", "All of it")


def test_an_optional_value_stays_optional(tmp_path: Path) -> None:
    (parameter,) = posted(tmp_path, {"application/json": {"schema": {"type": "array"}}}).parameters
    assert parameter.required is False


def test_an_object_that_must_be_empty_takes_no_argument(tmp_path: Path) -> None:
    schema = {"type": "object", "additionalProperties": False}
    assert posted(tmp_path, {"application/json": {"schema": schema}}, required=True).parameters == ()


@pytest.mark.parametrize("method", ["get", "head"])
def test_reading_takes_no_body(tmp_path: Path, method: str) -> None:
    found = posted(tmp_path, {"application/json": {"schema": NAME}}, method=method)
    assert (found.content_type, found.parameters, found.read_only) == (None, (), True)


FILE = {"type": "string", "format": "binary"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"application/xml": {}}, "a body of application/xml cannot be made from arguments"),
        (
            {"image/png": {}, "application/octet-stream": {}},
            "a body of image/png, application/octet-stream cannot be made",
        ),
        ({}, "a body of no media type cannot be made"),
        (
            {"multipart/form-data": {"schema": {"required": ["f"], "properties": {"f": FILE}}}},
            "the field 'f' of the body is a file",
        ),
        (
            {
                "multipart/form-data": {
                    "schema": {"required": ["f"], "properties": {"f": {"type": "array", "items": FILE}}}
                }
            },
            "the field 'f' of the body is a file",
        ),
    ],
)
def test_bodies_that_cannot_be_made(tmp_path: Path, content: Json, reason: str) -> None:
    said = document({"/pets": {"post": {"requestBody": {"required": True, "content": content}}}})
    found, detail = refused(tmp_path, said)
    assert (found, reason in detail) == ("unsupported_body", True)


def form(field: Json, **encoding: Json) -> Json:
    """A form in parts that needs a name and takes a field `f`."""
    schema = {"required": ["name"], "properties": {"name": {"type": "string"}, "f": field}}
    return {"multipart/form-data": {"schema": schema, "encoding": encoding}}


@pytest.mark.parametrize(
    ("content", "is_file"),
    [
        (form({"type": "string", "contentMediaType": "application/octet-stream"}), True),
        (
            form({"type": ["string", "null"], "contentMediaType": "IMAGE/PNG", "contentEncoding": "base64"}),
            True,
        ),
        (form({"anyOf": [{"type": "string", "contentMediaType": "audio/*"}, {"type": "null"}]}), True),
        (form({"type": "array", "items": {"type": "string", "contentMediaType": "video/mp4"}}), True),
        (form({"type": "string"}, f={"contentType": "image/png, image/jpeg"}), True),
        (form({}, f={"contentType": "application/pdf"}), True),
        (form({"type": "array", "items": {"type": "string"}}, f={"contentType": "image/gif"}), True),
        (form({"type": "string", "contentMediaType": "text/plain"}), False),
        (form({"type": "string", "contentMediaType": "application/json"}), False),
        (form({"type": "string", "contentEncoding": "base64"}), False),
        (form({"type": "string"}, f={"contentType": "text/plain, image/png"}), False),
        (form({"type": "object"}, f={"contentType": "application/xml"}), False),
        (form({"type": "string"}, name={"contentType": "text/plain"}), False),
    ],
)
def test_a_file_is_told_by_its_content_and_by_how_it_is_sent(
    tmp_path: Path, content: Json, is_file: bool
) -> None:
    names = [row.name for row in posted(tmp_path, content).parameters]
    assert names == (["name"] if is_file else ["name", "f"])


def test_without_an_optional_body_that_cannot_be_made_the_api_is_usable(tmp_path: Path) -> None:
    found = posted(tmp_path, {"application/xml": {"schema": NAME}})
    assert (found.content_type, found.parameters) == (None, ())


def test_optional_files_are_left_out_of_a_form(tmp_path: Path) -> None:
    schema = NAME | {"properties": {"name": {"type": "string"}, "photo": FILE}}
    found = posted(tmp_path, {"multipart/form-data": {"schema": schema}})
    assert [short(row) for row in found.parameters] == [NAME_ROW]


def test_fields_of_a_form_are_written_as_its_encoding_says(tmp_path: Path) -> None:
    schema = {"properties": {"a": {"type": "array"}, "b": {"type": "array"}, "c": {"type": "object"}}}
    encoding = {"a": {"style": "form", "explode": False}, "c": {"style": "deepObject"}}
    found = posted(tmp_path, {"application/x-www-form-urlencoded": {"schema": schema, "encoding": encoding}})
    assert [short(row)[5] for row in found.parameters] == [
        {"x-style": "csv"},
        None,
        {"x-style": "deepObject"},
    ]


BODY = {"name": "pet", "in": "body", "required": True, "description": "A pet", "schema": NAME}


@pytest.mark.parametrize(
    ("said", "content_type"),
    [
        ({}, "application/json"),
        ({"consumes": ["application/xml", "application/json"]}, "application/json"),
        ({"consumes": ["*/*"]}, "application/json"),
        ({"consumes": ["application/x-www-form-urlencoded"]}, "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_of_2(tmp_path: Path, said: Json, content_type: str) -> None:
    found = posted_2(tmp_path, BODY, **said)
    assert (found.content_type, [short(row) for row in found.parameters]) == (content_type, [NAME_ROW])


def test_a_value_as_body_of_2(tmp_path: Path) -> None:
    (parameter,) = posted_2(tmp_path, BODY | {"schema": {"type": "array", "items": NAME}}).parameters
    assert (parameter.name, parameter.type, parameter.required, parameter.description) == (
        "",
        "array",
        True,
        "A pet",
    )


FORM = {"name": "tags", "in": "formData", "type": "array", "items": {"type": "string"}, "required": True}
UPLOAD = {"name": "photo", "in": "formData", "type": "file"}


@pytest.mark.parametrize(
    ("said", "content_type"),
    [
        ({}, "application/x-www-form-urlencoded"),
        ({"consumes": ["application/json"]}, "application/x-www-form-urlencoded"),
        ({"consumes": ["multipart/form-data"]}, "multipart/form-data"),
        (
            {"consumes": ["multipart/form-data", "application/x-www-form-urlencoded"]},
            "application/x-www-form-urlencoded",
        ),
    ],
)
def test_a_form_of_2(tmp_path: Path, said: Json, content_type: str) -> None:
    found = posted_2(tmp_path, FORM, UPLOAD, **said)
    row = ("tags", "body", "array", True, None, {"items": {"type": "string"}, "x-style": "csv"})
    assert (found.content_type, [short(p) for p in found.parameters]) == (content_type, [row])


@pytest.mark.parametrize(
    ("parameters", "said", "reason"),
    [
        ([UPLOAD | {"required": True}], {}, "the field 'photo' of the body is a file"),
        (
            [BODY],
            {"consumes": ["application/xml"]},
            "a body of application/xml cannot be made from arguments",
        ),
        ([BODY], {"consumes": ["multipart/form-data"]}, "a body of multipart/form-data cannot be made"),
    ],
)
def test_bodies_of_2_that_cannot_be_made(tmp_path: Path, parameters: Any, said: Json, reason: str) -> None:
    found, detail = refused(tmp_path, swagger({"/pets": {"post": {"parameters": parameters} | said}}))
    assert (found, reason in detail) == ("unsupported_body", True)


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
