"""Documents of our own, served by Prism: what it validates is what our requests carry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from foreign_servers import serve_prism
from openapi_crawl import crawl
from probing_all import called, verdicts

from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.params import CallingParams
from tasks.catalogue.source import Crawled
from warehouse.tables.catalogue import Api

pytestmark = pytest.mark.slow

LIBRARY = """
openapi: 3.1.0
info: {title: Library, version: "1"}
servers: [{url: "https://library.test"}]
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    token: {type: http, scheme: bearer}
  schemas:
    Book:
      type: object
      required: [title, pages]
      properties:
        title: {type: string, examples: [Ulysses]}
        pages: {type: integer, minimum: 1}
        shelf: {$ref: "#/components/schemas/Shelf"}
    Shelf:
      type: object
      properties:
        name: {type: [string, "null"]}
        books: {type: array, items: {$ref: "#/components/schemas/Book"}}
  responses:
    Book:
      description: A book
      content:
        application/json:
          schema: {$ref: "#/components/schemas/Book"}
          example: {title: Ulysses, pages: 730}
paths:
  /books/{isbn}:
    parameters:
      - {name: isbn, in: path, required: true, schema: {type: integer, example: 9780141182803}}
    get:
      operationId: readBook
      parameters:
        - {name: fields, in: query, explode: false, schema: {type: array, items: {enum: [title, pages]}}}
        - name: page
          in: query
          style: deepObject
          schema: {type: object, properties: {size: {type: integer}}}
        - {name: X-Language, in: header, required: true, schema: {type: string, enum: [en, de]}}
      responses: {"200": {$ref: "#/components/responses/Book"}}
  /books:
    post:
      operationId: addBook
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Book"}}}
      responses: {"201": {$ref: "#/components/responses/Book"}}
    put:
      operationId: replaceBooks
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: array, minItems: 1, items: {$ref: "#/components/schemas/Book"}}
      responses: {"200": {$ref: "#/components/responses/Book"}}
  /loans:
    post:
      operationId: lendBook
      security: [{key: []}]
      requestBody:
        required: true
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              required: [isbn, days]
              properties: {isbn: {type: string}, days: {type: integer}}
      responses: {"200": {$ref: "#/components/responses/Book"}}
  /covers:
    post:
      operationId: describeCover
      security: [{token: []}]
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema: {type: object, required: [colour], properties: {colour: {type: string}}}
      responses: {"200": {$ref: "#/components/responses/Book"}}
  /lost:
    get:
      operationId: readLost
      responses: {"404": {description: Never there}}
"""

ZOO = """
swagger: "2.0"
info: {title: Zoo, version: "1", x-apisguru-categories: [animals]}
host: zoo.test
schemes: [http]
consumes: [application/json]
produces: [application/json]
securityDefinitions: {login: {type: basic}, key: {type: apiKey, in: query, name: key}}
definitions:
  Pet: {type: object, required: [name], properties: {name: {type: string, example: Rex}}}
paths:
  /pets:
    get:
      operationId: listPets
      security: [{key: []}]
      parameters:
        - {name: ids, in: query, required: true, type: array, items: {type: integer}, minItems: 2}
      responses: {200: {description: Pets, schema: {type: array, items: {$ref: "#/definitions/Pet"}}}}
    post:
      operationId: addPet
      security: [{login: []}]
      parameters: [{name: pet, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}]
      responses:
        201:
          description: Pet
          schema: {$ref: "#/definitions/Pet"}
          examples: {application/json: {name: Tom}}
    put:
      operationId: renamePet
      consumes: [application/x-www-form-urlencoded]
      parameters: [{name: name, in: formData, required: true, type: string}]
      responses: {200: {description: Pet, schema: {$ref: "#/definitions/Pet"}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prism")
    (folder / "library.yaml").write_text(LIBRARY)
    (folder / "zoo.yaml").write_text(ZOO)
    return folder


@pytest.fixture(scope="module")
def resolve(folder: Path) -> Iterator[dict[str, str]]:
    with (
        serve_prism(folder, folder / "library.yaml") as library,
        serve_prism(folder, folder / "zoo.yaml") as zoo,
    ):
        yield {"library.test": library, "zoo.test": zoo}


@pytest.fixture
def calling(resolve: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> CallingParams:
    monkeypatch.setenv("OUR_KEY", "someone:s3cret")
    return CallingParams(
        resolve=resolve, key_names={"*.test": "OUR_KEY"}, methods=("GET", "POST", "PUT"), per_host_rps=500
    )


@pytest.fixture(scope="module")
def tools(folder: Path) -> dict[str, Crawled]:
    _, found = crawl(folder)
    return {tool.entry.name: tool for tool in found}


def named(tools: dict[str, Crawled], name: str) -> Api:
    (api,) = [api for tool in tools.values() for api in tool.apis if api.api_name == name]
    return api


def said(result: CallResult) -> tuple[Outcome, int | None, Any]:
    return result.outcome, result.http_status, None if result.body is None else json.loads(result.body)


ULYSSES = {"title": "Ulysses", "pages": 730}


@pytest.mark.parametrize(
    ("name", "arguments", "status", "answer"),
    [
        ("readBook", {"isbn": 1, "x_language": "de"}, 200, ULYSSES),
        (
            "readBook",
            {"isbn": "1", "x_language": "en", "fields": ["title", "pages"], "page": {"size": 5}},
            200,
            ULYSSES,
        ),
        ("addBook", {"title": "Emma", "pages": "474", "shelf": {"name": None, "books": []}}, 201, ULYSSES),
        ("replaceBooks", {"body": [{"title": "Emma", "pages": 474}]}, 200, ULYSSES),
        ("lendBook", {"isbn": "1", "days": 14}, 200, ULYSSES),
        ("describeCover", {"colour": "blue & green"}, 200, ULYSSES),
        ("listPets", {"ids": [1, 2]}, 200, [{"name": "Rex"}]),
        ("addPet", {"name": "Rex"}, 201, {"name": "Tom"}),
        ("renamePet", {"name": "Rex"}, 200, {"name": "Rex"}),
    ],
)
def test_a_request_is_what_the_document_asks_for(
    tools: dict[str, Crawled], calling: CallingParams, name: str, arguments: Any, status: int, answer: Any
) -> None:
    assert said(called(named(tools, name), arguments, calling)) == (Outcome.OK, status, answer)


@pytest.mark.parametrize(
    ("name", "arguments", "outcome", "status"),
    [
        ("readBook", {"isbn": "one", "x_language": "de"}, Outcome.CLIENT_ERROR, 422),
        ("readBook", {"isbn": 1, "x_language": "fr"}, Outcome.CLIENT_ERROR, 422),
        ("readBook", {"isbn": 1}, Outcome.INVALID_ARGUMENTS, None),
        ("addBook", {"title": "Emma", "pages": 0}, Outcome.CLIENT_ERROR, 422),
        ("replaceBooks", {"body": []}, Outcome.CLIENT_ERROR, 422),
        ("listPets", {"ids": [1]}, Outcome.CLIENT_ERROR, 422),
    ],
)
def test_what_the_document_forbids_is_refused(
    tools: dict[str, Crawled],
    calling: CallingParams,
    name: str,
    arguments: Any,
    outcome: Outcome,
    status: Any,
) -> None:
    result = called(named(tools, name), arguments, calling)
    assert (result.outcome, result.http_status) == (outcome, status)


@pytest.mark.parametrize("name", ["lendBook", "describeCover", "listPets", "addPet"])
def test_without_a_key_nothing_is_given(tools: dict[str, Crawled], calling: CallingParams, name: str) -> None:
    keyless = calling.model_copy(update={"key_names": {}})
    arguments = {"isbn": "1", "days": 1, "colour": "x", "ids": [1, 2], "name": "x"}
    api = named(tools, name)
    wanted = {row.arg_name: arguments[row.arg_name] for row in api.parameters if row.required}
    assert called(api, wanted, keyless).outcome is Outcome.UNAUTHORIZED


def test_probing_finds_what_works_by_itself(tools: dict[str, Crawled], calling: CallingParams) -> None:
    apis = [api for tool in tools.values() for api in tool.apis]
    found = verdicts(apis, calling)
    assert {name: verdict.reason for name, verdict in found.items()} == {
        "addBook": "ok",
        "addPet": "ok",
        "describeCover": "ok",
        "lendBook": "ok",
        "listPets": "ok",
        "readBook": "ok",
        "readLost": "not_found",
        "renamePet": "ok",
        "replaceBooks": "ok",
    }
