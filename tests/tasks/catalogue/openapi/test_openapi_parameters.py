from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from openapi_crawl import Json, api, document, operation, rejects, short, swagger

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
