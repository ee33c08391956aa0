from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openapi_crawl import Json, api, crawl, crawled, document, operation, rejects, short, swagger, write


def parameter_at(reference: str, **said: Any) -> Json:
    return document(operation(operationId="listPets", parameters=[{"$ref": reference}]), **said)


LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}}
AS_ROW = ("limit", "query", "integer", False, None, {"minimum": 1})


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("#/components/parameters/Limit", {"components": {"parameters": {"Limit": LIMIT}}}),
        ("zoo.json#/components/parameters/Limit", {"components": {"parameters": {"Limit": LIMIT}}}),
        ("#/components/parameters/a~1b~0c", {"components": {"parameters": {"a/b~c": LIMIT}}}),
        ("#/components/parameters/with%20blank", {"components": {"parameters": {"with blank": LIMIT}}}),
        ("#/x-all/1", {"x-all": [{}, LIMIT]}),
        ("#/x-one", {"x-one": {"$ref": "#/x-two"}, "x-two": {"$ref": "#/x-three"}, "x-three": LIMIT}),
        ("#/x-one/inner", {"x-one": {"$ref": "#/x-two"}, "x-two": {"inner": LIMIT}}),
        ("#limit", {"x-deep": [{"x": LIMIT | {"$anchor": "limit"}}]}),
    ],
)
def test_references_within_a_file(tmp_path: Path, reference: str, said: Json) -> None:
    (row,) = api(tmp_path, parameter_at(reference, **said)).parameters
    assert short(row) == AS_ROW


@pytest.mark.parametrize(
    "reference",
    [
        "../common/limit.yaml",
        "../common/all.yaml#/parameters/Limit",
        "./../common/all.yaml#/parameters/Again",
        "../common/far.json#/Limit",
        "../common/with%20blank.json",
    ],
)
def test_references_between_files(tmp_path: Path, reference: str) -> None:
    files = {
        "apis/zoo.json": parameter_at(reference),
        "common/limit.yaml": "name: limit\nin: query\nschema: {type: integer, minimum: 1}\n",
        "common/all.yaml": "parameters: {Limit: {$ref: limit.yaml}, Again: {$ref: '#/parameters/Limit'}}",
        "common/far.json": {"Limit": {"$ref": "../common/all.yaml#/parameters/Limit"}},
        "common/with blank.json": LIMIT,
    }
    _, (crawled,) = crawl(write(tmp_path, files))
    assert [short(row) for api in crawled.apis for row in api.parameters] == [AS_ROW]


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("#/components/parameters/Nope", "there is no #/components/parameters/Nope"),
        ("#/x-list/7", "there is no #/x-list/7"),
        ("#nope", "there is no #nope"),
        ("nope.yaml", "nope.yaml: it cannot be read: No such file or directory"),
        ("../other.yaml", "../other.yaml is outside the source: only files below its `location` are read"),
        ("a/../../../etc/passwd", "a/../../../etc/passwd is outside the source"),
        ("/etc/passwd", "/etc/passwd is outside the source"),
        ("file:///etc/passwd", "file:///etc/passwd is not a file of this source"),
        ("https://zoo.test/limit.yaml", "https://zoo.test/limit.yaml is not a file of this source"),
        ("//zoo.test/limit.yaml", "//zoo.test/limit.yaml is not a file of this source"),
        ("\0", "\0: it cannot be read: embedded null byte"),
        ("#/x-self", "the reference leads back to itself"),
        ("#/x-a", "the reference leads back to itself"),
        ("#/x-inside/b/c", "the reference leads back to itself"),
    ],
)
def test_references_that_lead_nowhere_reject_the_operation(tmp_path: Path, reference: str, what: str) -> None:
    circles = {
        "x-list": [],
        "x-self": {"$ref": "#/x-self"},
        "x-a": {"$ref": "#/x-b"},
        "x-b": {"$ref": "#/x-a"},
        "x-inside": {"$ref": "#/x-inside/b"},
    }
    (empty, (row_id, reason, detail)) = rejects(tmp_path, parameter_at(reference, **circles))
    assert empty[1] == "no_usable_api"
    assert (row_id, reason) == (
        "Uncategorised/zoo/listpets",
        "unreadable" if "cannot be read" in what else "broken_reference",
    )
    assert detail.startswith("GET /pets: zoo.json#/")
    assert what in detail


FAR = "https://schemas.test/common.yaml#/components"


def far_rejects(folder: Path, *parameters: Json, **said: Any) -> tuple[list[str], list[str]]:
    """Names of the parameters of the one API, and what the remark on it says."""
    paths = {"/pets/{id}": {"post": {"parameters": list(parameters)} | said}}
    found = crawled(folder, document(paths))
    assert [row.reason for row in found.rejects] == ["partly_read"]
    assert found.rejects[0].row_id == "Uncategorised/zoo/post_pets_id#partly"
    return [row.name for api in found.apis for row in api.parameters], found.rejects[0].detail.split("; of ")


def test_what_is_described_at_another_host_costs_no_operation(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": f"{FAR}/schemas/A"}, "b": {"type": "integer"}}}
    names, remarks = far_rejects(
        tmp_path,
        {"$ref": f"{FAR}/parameters/id"},
        {"$ref": f"{FAR}/parameters/sort"},
        {"name": "near", "in": "query", "schema": {"$ref": f"{FAR}/schemas/Near"}},
        {"name": "list", "in": "query", "schema": {"type": "array", "items": {"$ref": f"{FAR}/schemas/I"}}},
        requestBody={"content": {"application/json": {"schema": schema}}},
        responses={"200": {"$ref": f"{FAR}/responses/Pets"}},
    )
    assert names == ["near", "list", "id", "a", "b"]
    assert [what.partition(":")[0] for what in remarks] == [
        "it is used without the description of the parameter id",
        "the parameter sort",
        *["zoo.json#/paths/~1pets~1{id}/post/parameters/2/schema"],
        "zoo.json#/paths/~1pets~1{id}/post/parameters/3/schema/items",
        "zoo.json#/paths/~1pets~1{id}/post/requestBody/content/application~1json/schema/properties/a",
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"parameters": [{"$ref": "https://schemas.test/sort.yaml"}]},
        {"requestBody": {"$ref": f"{FAR}/requestBodies/Pet"}},
        {"requestBody": {"content": {"application/json": {"schema": {"$ref": f"{FAR}/schemas/Pet"}}}}},
        {"requestBody": {"content": {"application/json": {"schema": {"allOf": [{"$ref": FAR}]}}}}},
    ],
)
def test_what_cannot_be_called_without_another_host_is_rejected(tmp_path: Path, said: Json) -> None:
    (_, (row_id, reason, detail)) = rejects(tmp_path, document({"/pets": {"post": said}}))
    assert (row_id, reason) == ("Uncategorised/zoo/post_pets", "broken_reference")
    assert "https://schemas.test/" in detail


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"outside/limit.json": LIMIT, "in/zoo.json": parameter_at("limit.json")})
    (tmp_path / "in" / "limit.json").symlink_to(tmp_path / "outside" / "limit.json")
    _, (crawled,) = crawl(tmp_path / "in" / "zoo.json")
    assert "a link leads outside the folder of the source" in crawled.rejects[1].detail


def test_path_items_bodies_and_responses_are_referred_to_as_well(tmp_path: Path) -> None:
    said = document(
        {"/pets": {"$ref": "#/components/pathItems/Pets"}},
        components={
            "pathItems": {
                "Pets": {
                    "post": {
                        "requestBody": {"$ref": "#/components/requestBodies/Pet"},
                        "responses": {"200": {"$ref": "#/components/responses/Pet"}},
                    }
                }
            },
            "requestBodies": {
                "Pet": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
            },
            "responses": {
                "Pet": {
                    "content": {
                        "application/json": {"examples": {"one": {"$ref": "#/components/examples/Rex"}}},
                    }
                }
            },
            "examples": {"Rex": {"value": {"name": "Rex"}}},
            "schemas": {"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}},
        },
    )
    found = api(tmp_path, said)
    assert (found.api_name, found.example_response) == ("POST /pets", '{"name":"Rex"}')
    assert [short(row) for row in found.parameters] == [("name", "body", "string", False, None, None)]


def test_a_path_that_refers_to_nothing_is_rejected_beside_the_others(tmp_path: Path) -> None:
    said = swagger({"/lost": {"$ref": "#/x-lost"}, "/pets": {"get": {}}})
    assert rejects(tmp_path, said) == [
        (
            "Uncategorised/zoo/any_lost",
            "broken_reference",
            "ANY /lost: zoo.json#/paths/~1lost: there is no #/x-lost",
        )
    ]
