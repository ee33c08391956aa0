from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from openapi_crawl import Json, api, crawl, document, operation, rejects, short, swagger

Row = tuple[str, str, str, bool, str | None, Any]


def rows(folder: Path, *parameters: Json, path: str = "/pets", **said: Any) -> list[Row]:
    paths = {path: {"get": {"parameters": list(parameters)}}}
    return [short(row) for row in api(folder, document(paths, **said)).parameters]


def swagger_rows(folder: Path, *parameters: Json) -> list[Row]:
    return [short(row) for row in api(folder, swagger(operation(parameters=list(parameters)))).parameters]


def query(**said: Any) -> Json:
    return {"name": "p", "in": "query"} | said


@pytest.mark.parametrize(
    ("parameter", "row"),
    [
        (query(), ("p", "query", "string", False, None, None)),
        (query(required=True, schema={"type": "integer"}), ("p", "query", "integer", True, None, None)),
        (query(required="yes", schema={"type": "Boolean"}), ("p", "query", "boolean", False, None, None)),
        (
            query(schema={"type": "string", "default": "a", "enum": ["a", "b"]}),
            ("p", "query", "string", False, '"a"', {"enum": ["a", "b"]}),
        ),
        (
            query(example=5, schema={"type": "integer"}),
            ("p", "query", "integer", False, None, {"examples": [5]}),
        ),
        (
            query(examples={"x": {"value": 5}}, schema={"type": "integer"}),
            ("p", "query", "integer", False, None, {"examples": [5]}),
        ),
        (
            query(schema={"type": "integer", "default": 3, "example": 5}),
            ("p", "query", "integer", False, "3", {"examples": [5]}),
        ),
        (query(schema={"examples": [7]}), ("p", "query", "integer", False, None, {"examples": [7]})),
        (
            query(
                examples={"few": {"value": 2}, "many": {"value": 90}},
                schema={"type": "integer", "example": 5, "examples": [2, 7]},
            ),
            ("p", "query", "integer", False, None, {"examples": [2, 90, 5, 7]}),
        ),
        (
            query(content={"application/json": {"schema": {"type": "integer"}, "example": 4}}),
            ("p", "query", "integer", False, None, {"examples": [4]}),
        ),
        (
            query(schema={"type": "string", "pattern": "^[a-z]+/[0-9]$", "format": "path"}),
            ("p", "query", "string", False, None, {"pattern": "^[a-z]+/[0-9]$", "format": "path"}),
        ),
        (
            query(schema={"type": "number", "multipleOf": 0.25, "maximum": 1.7976931348623157e308}),
            ("p", "query", "number", False, None, {"multipleOf": 0.25, "maximum": 1.7976931348623157e308}),
        ),
        (
            query(schema={"type": "integer", "minimum": -(10**30), "maximum": 10**400, "default": 2**65}),
            ("p", "query", "integer", False, str(2**65), {"minimum": -(10**30), "maximum": 10**400}),
        ),
        (
            query(
                explode=True, schema={"type": "array", "uniqueItems": "true", "items": {"type": "integer"}}
            ),
            ("p", "query", "array", False, None, {"uniqueItems": True, "items": {"type": "integer"}}),
        ),
        (
            query(required="TRUE", style="pipeDelimited", explode=" False ", schema={"type": "array"}),
            ("p", "query", "array", True, None, {"x-style": "pipes"}),
        ),
        (
            query(schema={"type": "string", "enum": ["up", "down"], "default": "sideways"}),
            ("p", "query", "string", False, None, {"enum": ["up", "down"]}),
        ),
        (
            query(schema={"type": "string", "enum": ["up", "down"], "default": "UP"}),
            ("p", "query", "string", False, '"up"', {"enum": ["up", "down"]}),
        ),
        (
            query(schema={"type": "integer", "enum": [1, 2], "default": "2"}),
            ("p", "query", "integer", False, "2", {"enum": [1, 2]}),
        ),
        (
            query(schema={"type": "array", "items": {"enum": ["a", "b"]}, "default": ["a", "z"]}),
            ("p", "query", "array", False, None, {"items": {"type": "string", "enum": ["a", "b"]}}),
        ),
        (
            query(schema={"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}),
            ("p", "query", "string", False, None, {"format": "uuid"}),
        ),
        (
            query(content={"application/json": {"schema": {"type": "integer"}}}),
            ("p", "query", "integer", False, None, None),
        ),
        (
            {"name": "X-P", "in": "header", "schema": {"type": "array", "items": {"type": "string"}}},
            ("X-P", "header", "array", False, None, {"items": {"type": "string"}}),
        ),
    ],
)
def test_parameters_of_3(tmp_path: Path, parameter: Json, row: Row) -> None:
    assert rows(tmp_path, parameter) == [row]


@pytest.mark.parametrize(
    ("parameter", "row"),
    [
        (
            query(type="integer", format="int32", minimum=0),
            ("p", "query", "integer", False, None, {"format": "int32", "minimum": 0}),
        ),
        (query(type="int", required=True), ("p", "query", "integer", True, None, None)),
        (
            query(type="string", **{"x-example": "Rex"}),
            ("p", "query", "string", False, None, {"examples": ["Rex"]}),
        ),
        (query(schema={"type": "integer"}), ("p", "query", "integer", False, None, None)),
        (
            query(type="array", items={"type": "string"}),
            ("p", "query", "array", False, None, {"items": {"type": "string"}, "x-style": "csv"}),
        ),
        (query(type="array", collectionFormat="multi"), ("p", "query", "array", False, None, None)),
        (
            query(type="array", collectionFormat="pipes"),
            ("p", "query", "array", False, None, {"x-style": "pipes"}),
        ),
        (query(type="array", collectionFormat="strange"), ("p", "query", "array", False, None, None)),
        (
            query(schema={"type": "object"}, style="form", explode=True),
            ("p", "query", "object", False, None, {"x-style": "exploded"}),
        ),
        ({"name": "p", "in": "header", "type": "array"}, ("p", "header", "array", False, None, None)),
    ],
)
def test_parameters_of_2(tmp_path: Path, parameter: Json, row: Row) -> None:
    assert swagger_rows(tmp_path, parameter) == [row]


@pytest.mark.parametrize(
    ("kind", "said", "style"),
    [
        ("array", {}, None),
        ("array", {"style": "form"}, None),
        ("array", {"explode": False}, "csv"),
        ("array", {"style": "spaceDelimited"}, "ssv"),
        ("array", {"style": "pipeDelimited", "explode": False}, "pipes"),
        ("array", {"style": "pipeDelimited", "explode": True}, None),
        ("array", {"content": {"application/json": {"schema": {"type": "array"}}}}, "json"),
        ("object", {}, "exploded"),
        ("object", {"explode": False}, "csv"),
        ("object", {"style": "deepObject", "explode": True}, "deepObject"),
        ("object", {"content": {"application/json": {"schema": {"type": "object"}}}}, None),
        ("string", {"explode": False}, None),
    ],
)
def test_styles(tmp_path: Path, kind: str, said: Json, style: str | None) -> None:
    schema = {} if "content" in said else {"schema": {"type": kind}}
    ((*_, keywords),) = rows(tmp_path, query(**schema, **said))
    assert (keywords or {}).get("x-style") == style


def test_operations_replace_equal_parameters_of_their_path(tmp_path: Path) -> None:
    paths = {
        "/pets": {
            "parameters": [query(schema={"type": "string"}), {"name": "p", "in": "header"}, query(name="q")],
            "get": {"parameters": [query(schema={"type": "integer"})]},
        }
    }
    found = [short(row)[:3] for row in api(tmp_path, document(paths)).parameters]
    assert found == [("p", "query", "integer"), ("p", "header", "string"), ("q", "query", "string")]


@pytest.mark.parametrize(
    ("path", "given", "url", "expected"),
    [
        ("/pets/{id}", [], "/pets/{id}", [("id", "path", "string", True, None, None)]),
        (
            "/pets/{id}",
            [{"name": "other", "in": "path"}],
            "/pets/{id}",
            [("id", "path", "string", True, None, None)],
        ),
        (
            "/pets/{+id}/{rest*}",
            [{"name": "id", "in": "path", "schema": {"type": "integer"}}],
            "/pets/{id}/{rest}",
            [("id", "path", "integer", True, None, None), ("rest", "path", "string", True, None, None)],
        ),
        ("pets", [], "/pets", []),
        ("/pets#first", [], "/pets", []),
        (
            "/rest?method=pets.find&flag=",
            [],
            "/rest",
            [
                ("method", "query", "string", True, '"pets.find"', {"enum": ["pets.find"]}),
                ("flag", "query", "string", True, '""', {"enum": [""]}),
            ],
        ),
        (
            "/rest?page={page}",
            [{"name": "page", "in": "path", "schema": {"type": "integer"}}],
            "/rest",
            [("page", "query", "integer", False, None, None)],
        ),
        ("/rest?page={page}", [], "/rest", [("page", "query", "string", False, None, None)]),
        (
            "/rest?p=1",
            [query(schema={"type": "integer"})],
            "/rest",
            [("p", "query", "integer", False, None, None)],
        ),
    ],
)
def test_addresses(tmp_path: Path, path: str, given: list[Json], url: str, expected: list[Row]) -> None:
    found = api(tmp_path, document({path: {"get": {"parameters": given}}}))
    assert (found.url, [short(row) for row in found.parameters]) == (f"https://zoo.test/v1{url}", expected)


@pytest.mark.parametrize("name", ["Accept", "content-type", "Authorization"])
def test_headers_that_are_no_parameters(tmp_path: Path, name: str) -> None:
    assert rows(tmp_path, {"name": name, "in": "header", "required": True}) == []


def test_optional_cookies_are_left_out(tmp_path: Path) -> None:
    assert rows(tmp_path, {"name": "session", "in": "cookie"}, {"name": "all", "in": "querystring"}) == []


@pytest.mark.parametrize(
    ("parameter", "reason", "detail"),
    [
        (
            {"name": "session", "in": "cookie", "required": True},
            "unsupported_parameter",
            "'session' is required, and nothing is sent in 'cookie'",
        ),
        (
            {"name": "all", "in": "querystring", "required": True},
            "unsupported_parameter",
            "'all' is required, and nothing is sent in 'querystring'",
        ),
        (
            {"name": "id", "in": "path", "style": "matrix"},
            "unsupported_parameter",
            "paths are not written in the style 'matrix'",
        ),
        ({"in": "query"}, "malformed", "a parameter needs a `name` and an `in`"),
        ({"name": "p"}, "malformed", "a parameter needs a `name` and an `in`"),
        ("p", "malformed", "a parameter needs a `name` and an `in`"),
    ],
)
def test_parameters_that_cannot_be_sent(tmp_path: Path, parameter: Any, reason: str, detail: str) -> None:
    found = rejects(tmp_path, document({"/pets/{id}": {"get": {"parameters": [parameter]}}}))
    place = "GET /pets/{id}: zoo.json#/paths/~1pets~1{id}/get/parameters/0"
    assert found[1] == ("Uncategorised/zoo/get_pets_id", reason, f"{place}: {detail}")


def test_thousands_of_parameters_are_refused_at_once(tmp_path: Path) -> None:
    said = document(operation(parameters=[query(name=f"p{n}") for n in range(10_000)]))
    started = time.process_time()
    found = rejects(tmp_path, said)
    assert time.process_time() - started < 5
    assert found[1][1:] == (
        "too_large",
        "GET /pets: zoo.json#/paths/~1pets/get: 10,000 parameters; up to 500 can be offered",
    )


def test_hundreds_of_parameters_are_read(tmp_path: Path) -> None:
    assert len(rows(tmp_path, *(query(name=f"p{n}") for n in range(500)))) == 500


def test_descriptions_of_the_parameter_come_before_those_of_its_schema(tmp_path: Path) -> None:
    said = document(
        operation(
            parameters=[
                query(name="a", description="Outer", schema={"description": "Inner"}),
                query(name="b", schema={"description": "Inner"}),
            ]
        )
    )
    assert [row.description for row in api(tmp_path, said).parameters] == ["Outer", "Inner"]


def test_a_request_is_written_as_the_document_says(tmp_path: Path) -> None:
    from tasks.calling.credentials import Credentials
    from tasks.calling.request import build_request

    parameters = [
        query(name="ids", explode=False, schema={"type": "array", "items": {"type": "integer"}}),
        query(name="filter", style="deepObject", schema={"type": "object"}),
    ]
    found = api(tmp_path, document(operation(parameters=parameters)))
    request = build_request(found, {"ids": "[1, 2]", "filter": {"age": 3}}, credentials=Credentials())
    assert request.url == "https://zoo.test/v1/pets?ids=1%2C2&filter%5Bage%5D=3"
    assert json.loads(found.parameters[0].schema or "") == {"items": {"type": "integer"}, "x-style": "csv"}


@pytest.mark.parametrize(
    ("schema", "default", "said"),
    [
        ("{type: string, default: 00420}", '"00420"', None),
        ("{type: string, default: 2.10, enum: [2.10, 3.0]}", '"2.10"', {"enum": ["2.10", 3.0]}),
        ("{type: [integer, string], default: 0x1F}", '"0x1F"', None),
        ("{type: integer, default: 00420}", "420", None),
        (
            "{type: array, items: {type: string}, default: [007, 8]}",
            '["007",8]',
            {"items": {"type": "string"}},
        ),
        ("{default: 0042}", '"0042"', None),
        ("{type: integer, default: 9876543210987654321098}", "9876543210987654321098", None),
        ("{type: number, default: 0.12345678901234567890123}", "0.12345678901234567890123", None),
        ("{type: number, default: 1e999}", "1e999", None),
    ],
)
def test_numbers_of_yaml_are_text_where_text_is_meant(
    tmp_path: Path, schema: str, default: str, said: Json | None
) -> None:
    place = tmp_path / "zoo.yaml"
    place.write_text(
        "openapi: 3.1.0\ninfo: {title: Zoo}\nservers: [{url: https://zoo.test}]\npaths:\n  /pets:\n    get:\n"
        f"      parameters: [{{name: p, in: query, schema: {schema}}}]\n"
    )
    ((only,),) = (found.apis for found in crawl(place)[1])
    (row,) = only.parameters
    assert (row.default, None if row.schema is None else json.loads(row.schema)) == (default, said)
