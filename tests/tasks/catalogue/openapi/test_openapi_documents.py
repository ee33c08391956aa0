from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openapi_crawl import Json, crawl, crawled, document, operation, rejects, swagger, write

from tasks.catalogue.source import ToolEntry, with_distinct_names
from warehouse.tables.catalogue import Api, Parameter, SecurityScheme, Tool


def entry(folder: Path, said: Json, **params: Any) -> ToolEntry:
    return crawled(folder, said, **params).entry


def names(folder: Path, paths: Json) -> list[str]:
    return [row.api_name for row in crawled(folder, document(paths)).apis]


def test_a_document_becomes_a_tool_and_its_operations_apis(tmp_path: Path) -> None:
    said = document(
        {
            "/pets/{petId}": {
                "parameters": [
                    {"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}}
                ],
                "post": {
                    "operationId": "feedPet",
                    "summary": "Feed it.",
                    "description": "Gives a pet its food.",
                    "tags": ["pets", "food"],
                    "requestBody": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "required": ["grams"],
                                    "properties": {"grams": {"type": "integer", "minimum": 1}},
                                },
                                "example": {"grams": 50},
                            }
                        }
                    },
                    "responses": {"200": {"content": {"application/json": {"example": {"fed": True}}}}},
                    "security": [{"key": []}],
                    "x-codeSamples": [{"lang": "Python", "source": "feed(1)"}],
                },
            }
        },
        info={
            "title": "Zoo",
            "version": "1",
            "description": "All about pets.",
            "license": {"name": "MIT"},
            "x-apisguru-categories": ["animals", "fun"],
        },
        components={"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
    )
    found = crawled(tmp_path, said)
    assert found.entry == ToolEntry(
        id="zoo.json",
        category="animals",
        name="Zoo",
        standardized_name="zoo",
        collections=("food", "pets"),
        source="openapi",
        source_url="zoo.json",
    )
    assert found.tool is not None
    (row,) = found.apis
    assert found.tool == Tool(
        tool_id="animals/zoo",
        category="animals",
        tool_name="Zoo",
        standardized_name="zoo",
        description="All about pets.",
        host="zoo.test",
        collections=("food", "pets"),
        source="openapi",
        source_url="zoo.json",
        licence="MIT",
        n_apis=1,
        split=found.tool.split,
        fingerprint=found.tool.fingerprint,
    )
    assert row == Api(
        api_id="animals/zoo/feedpet",
        tool_id="animals/zoo",
        api_name="feedPet",
        function_name="feedpet_for_zoo",
        description="Feed it.\n\nGives a pet its food.",
        protocol="http",
        method="POST",
        url="https://zoo.test/v1/pets/{petId}",
        parameters=(
            Parameter(
                name="petId",
                arg_name="petid",
                location="path",
                type="integer",
                required=True,
                description="",
                default=None,
                schema=None,
            ),
            Parameter(
                name="grams",
                arg_name="grams",
                location="body",
                type="integer",
                required=True,
                description="",
                default=None,
                schema='{"minimum":1,"examples":[50]}',
            ),
        ),
        content_type="application/json",
        body_schema='{"type":"object","properties":{"grams":{"type":"integer","minimum":1}},"required":["grams"]}',
        security=(SecurityScheme(kind="api_key", location="header", name="X-Key"),),
        read_only=False,
        response_schema=None,
        code_snippet="feed(1)",
        example_response='{"fed":true}',
        fingerprint=row.fingerprint,
    )


@pytest.mark.parametrize(
    ("info", "said", "params", "category"),
    [
        ({"x-apisguru-categories": ["a", "b"]}, {}, {"category": "Own"}, "a"),
        ({}, {}, {"category": "Own"}, "pets"),
        ({}, {"tags": [{"name": "first"}]}, {}, "pets"),
        (
            {"x-apisguru-categories": ["a"]},
            {},
            {"category": "Own", "category_from": ("configuration",)},
            "Own",
        ),
        ({"x-apisguru-categories": ["a"]}, {}, {"category_from": ("tags",)}, "pets"),
        ({}, {}, {"category_from": ("info",)}, "Uncategorised"),
        ({"x-apisguru-categories": "a"}, {"paths": {"/": {"get": {}}}}, {"category": "Own"}, "Own"),
        ({}, {"paths": {"/": {"get": {}}}, "tags": [{"name": "first"}, {"name": "x"}]}, {}, "first"),
        ({}, {"paths": operation(tags=["Pets / Cats\n and\x00 dogs"])}, {}, "Pets Cats and dogs"),
        ({}, {"paths": operation(tags=[7, None, ""])}, {}, "Uncategorised"),
    ],
)
def test_the_category(tmp_path: Path, info: Json, said: Json, params: Json, category: str) -> None:
    paths = {
        "/a": {"get": {"tags": ["food"]}, "put": {"tags": ["pets", "food"]}},
        "/b": {"get": {"tags": ["pets"]}},
    }
    whole = document(paths, info={"title": "Zoo", "version": "1"} | info) | said
    assert entry(tmp_path, whole, **params).category == category


@pytest.mark.parametrize(
    ("params", "collections"),
    [
        ({}, ("declared", "food", "pets")),
        ({"collections": ("Mine", "Also")}, ("Also", "Mine")),
        ({"collections": ()}, ()),
    ],
)
def test_the_collections(tmp_path: Path, params: Json, collections: tuple[str, ...]) -> None:
    said = document(operation(tags=["pets", "food"]), tags=[{"name": "declared"}, {"name": "pets"}, {}, "x"])
    found = crawled(tmp_path, said, **params)
    assert (found.entry.collections, found.tool and found.tool.collections) == (collections, collections)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ({"/a": {"get": {"operationId": "listPets", "summary": "List pets"}}}, ["listPets"]),
        ({"/a": {"get": {"summary": "List\n  pets"}}}, ["List pets"]),
        ({"/a/{id}": {"get": {}}}, ["GET /a/{id}"]),
        ({"/a": {"get": {"summary": "Pets"}, "post": {"summary": "Pets"}}}, ["GET /a", "POST /a"]),
        ({"/a": {"get": {"operationId": "x"}}, "/b": {"get": {"operationId": "x"}}}, ["GET /a", "GET /b"]),
        ({"/a": {"get": {"operationId": 7, "summary": " "}}}, ["GET /a"]),
        ({"/a": {"get": {"operationId": "x" * 1000}}}, ["x" * 200]),
    ],
)
def test_names_of_apis(tmp_path: Path, paths: Json, expected: list[str]) -> None:
    assert names(tmp_path, paths) == expected


TAGGED = {
    "/cats": {"get": {"tags": ["Cats", "Pets"]}, "post": {"tags": ["Cats"]}},
    "/dogs": {"get": {"tags": [" Dogs "]}},
    "/": {"get": {}},
}


def test_a_document_can_be_a_tool_for_each_tag(tmp_path: Path) -> None:
    said = document(TAGGED, tags=[{"name": "Cats", "description": "Of cats."}], info={"title": "Zoo"})
    listing, tools = crawl(write(tmp_path, {"zoo.json": said}), tool="tag")
    assert [(found.id, found.category, found.name) for found in listing.entries] == [
        ("zoo.json#", "Zoo", "Zoo"),
        ("zoo.json#Cats", "Zoo", "Zoo Cats"),
        ("zoo.json#Dogs", "Zoo", "Zoo Dogs"),
    ]
    assert [[row.api_name for row in found.apis] for found in tools] == [
        ["GET /"],
        ["GET /cats", "POST /cats"],
        ["GET /dogs"],
    ]
    assert [(row.description, row.collections) for found in tools if (row := found.tool)] == [
        ("", ()),
        ("Of cats.", ("Cats", "Pets")),
        ("", ("Dogs",)),
    ]


def test_operations_of_a_tag_are_wanted_by_themselves(tmp_path: Path) -> None:
    said = document(TAGGED)
    listing, tools = crawl(
        write(tmp_path, {"zoo.json": said}), tool="tag", include=("GET /d*",), category="Animals"
    )
    assert [found.tool_id for found in listing.entries] == ["Animals/zoo_dogs"]
    assert [row.api_id for found in tools for row in found.apis] == ["Animals/zoo_dogs/get_dogs"]


@pytest.mark.parametrize(
    ("tool", "lost"),
    [
        ("document", ["get", "get_cats", "post_cats", "get_dogs"]),
        ("tag", ["get", "get_cats", "post_cats", "get_dogs"]),
    ],
)
def test_operations_are_lost_with_their_document(tmp_path: Path, tool: str, lost: list[str]) -> None:
    said = document(TAGGED, servers=[{"url": "wss://zoo.test"}])
    _, tools = crawl(write(tmp_path, {"zoo.json": said}), tool=tool)
    rows = [row for found in tools for row in found.lost]
    assert sorted(row.row_id.rpartition("/")[2] for row in rows) == sorted(lost)
    assert {(row.reason, row.detail) for row in rows} == {("no_server", "it is lost with its tool")}
    assert len({row.row_id for found in tools for row in (*found.rejects, *found.lost)}) == len(tools) + 4


@pytest.mark.parametrize(
    ("info", "title"),
    [
        ({"title": " Zoo\n of  Oslo "}, "Zoo of Oslo"),
        ({}, "zoo"),
        ({"title": ""}, "zoo"),
        ({"title": 3}, "zoo"),
        ("none", "zoo"),
        (None, "zoo"),
    ],
)
def test_a_document_without_a_title_is_called_like_its_file(tmp_path: Path, info: Any, title: str) -> None:
    assert entry(tmp_path, document(info=info)).name == title


@pytest.mark.parametrize(
    ("version", "key"),
    [
        ("2.0", "swagger"),
        (2.0, "swagger"),
        ("3.0.3", "openapi"),
        (3.1, "openapi"),
        ("3.2.0", "openapi"),
        ("3.1.0-rc1", "openapi"),
    ],
)
def test_versions_that_are_read(tmp_path: Path, version: Any, key: str) -> None:
    said = {
        key: version,
        "info": {},
        "host": "zoo.test",
        "servers": [{"url": "https://zoo.test"}],
        "paths": operation(),
    }
    (row,) = crawled(tmp_path, said).apis
    assert row.url == "https://zoo.test/pets"


@pytest.mark.parametrize(
    ("summary", "description", "expected"),
    [
        ("Finds pets", "", "Finds pets"),
        ("", "By name.", "By name."),
        ("Finds pets", "By name.", "Finds pets\n\nBy name."),
        ("Finds pets.", "Finds pets by name.", "Finds pets by name."),
        ("listPets", "By name.", "By name."),
        ("List Pets", "By name.", "By name."),
        ("List", "By name.", "By name."),
        ("List pet", "By name.", "List pet\n\nBy name."),
        ("List pets", "", "List pets"),
        ("動物", "By name.", "動物\n\nBy name."),
    ],
)
def test_descriptions(tmp_path: Path, summary: str, description: str, expected: str) -> None:
    said = document(operation(operationId="listPets", summary=summary, description=description))
    assert crawled(tmp_path, said).apis[0].description == expected


def test_only_wanted_operations_are_crawled(tmp_path: Path) -> None:
    paths = {
        "/pets": {"get": {"operationId": "listPets"}, "post": {"operationId": "addPet"}},
        "/admin/x": {"get": {"operationId": "listUsers"}},
    }
    write(tmp_path, {"a.json": document(paths), "b.json": document({"/x": {"put": {}}})})
    _, crawls = crawl(tmp_path, include=("GET *", "addPet"), exclude=("* /admin/*",))
    assert [[row.api_name for row in found.apis] for found in crawls] == [["addPet", "listPets"]]
    assert [found.rejects for found in crawls] == [()]


def test_a_filter_changes_neither_the_category_nor_a_name(tmp_path: Path) -> None:
    paths = {
        "/a": {"get": {"tags": ["pets"], "summary": "S"}},
        "/b": {"get": {"summary": "S", "tags": ["food"]}},
    }
    whole = crawled(tmp_path, document(paths))
    part = crawled(tmp_path, document(paths), exclude=("GET /a",))
    assert part.entry == whole.entry
    assert [row.api_id for row in whole.apis] == ["pets/zoo/get_a", "pets/zoo/get_b"]
    assert [row.api_id for row in part.apis] == ["pets/zoo/get_b"]


def test_operations_that_are_none_are_rejected_by_themselves(tmp_path: Path) -> None:
    said = document(
        {
            "/pets": {"get": {}, "trace": {}, "query": {}, "post": None, "x-own": {}, "summary": "s"},
            "/copy": {"additionalOperations": {"COPY": {"operationId": "copyPets"}}},
            "x-paths": {"get": {}},
            "/none": None,
        },
        webhooks={"hook": {"post": {}}},
    )
    prefix = "Uncategorised/zoo"
    assert rejects(tmp_path, said) == [
        (
            f"{prefix}/trace_pets",
            "unsupported_method",
            "TRACE /pets: zoo.json#/paths/~1pets/trace: TRACE requests are not made",
        ),
        (
            f"{prefix}/query_pets",
            "unsupported_method",
            "QUERY /pets: zoo.json#/paths/~1pets/query: QUERY requests are not made",
        ),
        (
            f"{prefix}/post_pets",
            "malformed",
            "POST /pets: zoo.json#/paths/~1pets/post: an operation must be an object",
        ),
        (
            f"{prefix}/copypets",
            "unsupported_method",
            "COPY /copy: zoo.json#/paths/~1copy/additionalOperations/COPY: COPY requests are not made",
        ),
    ]


def test_a_document_without_operations_is_rejected(tmp_path: Path) -> None:
    assert rejects(tmp_path, document({})) == [
        ("Uncategorised/zoo", "no_usable_api", "none of its 0 APIs is usable")
    ]


def test_documents_of_one_name_keep_theirs_apart(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": document(), "b.json": document()})
    listing, _ = crawl(tmp_path)
    first, second = (listed.tool_id for listed in listing.entries)
    assert first != second
    assert {first.rpartition("_")[0], second.rpartition("_")[0]} == {"Uncategorised/zoo"}


def test_the_same_document_from_two_sources_is_one_tool(tmp_path: Path) -> None:
    write(tmp_path, {"zoo.json": document(), "bad.yaml": "a: ["})
    listing, _ = crawl(tmp_path)
    first, second = with_distinct_names([listing, listing])
    tool_id = first.entries[0].tool_id
    assert (first.rejects, second.entries) == (listing.rejects, ())
    assert [(row.row_id, row.reason.value, row.detail) for row in second.rejects] == [
        ("bad.yaml#2", "unreadable", first.rejects[0].detail),
        (f"{tool_id}#2", "duplicate", "a tool of this name and address (zoo.json) came before"),
    ]


def test_fingerprints_depend_on_contents_alone(tmp_path: Path) -> None:
    said = swagger(
        {
            "/pets": {
                "get": {"parameters": [{"name": "a", "in": "query", "type": "string"}], "summary": "Pets"}
            }
        },
        host="zoo.test:8443",
    )

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return value

    one = crawled(tmp_path / "one", said)
    other = crawled(tmp_path / "elsewhere" / "other", turned(said | {"host": "zoo.test:9443"}))
    assert one.tool is not None
    assert other.tool is not None
    assert (one.tool.fingerprint, one.apis[0].fingerprint) == (
        other.tool.fingerprint,
        other.apis[0].fingerprint,
    )
