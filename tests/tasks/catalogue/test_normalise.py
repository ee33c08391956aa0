from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tasks.catalogue.normalise import normalise, split_of
from tasks.catalogue.source import Crawled, CrawlReason, ToolEntry
from tasks.exact_json import WrittenFloat
from warehouse.table import arrow_schema, from_arrow, to_columns
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api, Parameter, SecurityScheme, Tool

Json = dict[str, Any]

ENTRY = ToolEntry(
    id="Animals/pet-finder",
    category="Animals",
    name="Pet Finder",
    standardized_name="pet_finder",
    collections=("Weekend",),
    source="hub",
    source_url="http://hub.example/tools/Animals/pet-finder",
)


def api(name: str = "Find Pets", **said: Any) -> Json:
    return {
        "name": name,
        "description": "Finds pets.",
        "method": "GET",
        "path": "/pets",
        "parameters": [],
    } | said


def tool(*apis: Any, **said: Any) -> Json:
    return {
        "id": "Animals/pet-finder",
        "category": "Animals",
        "name": "Pet Finder",
        "description": " Finds pets near you. ",
        "host": "http://pet-finder.example",
        "provider": "Shelter",
        "licence": "MIT",
        "collections": ["Family"],
        "popularity": {"score": 9.1, "average_latency_ms": 210},
        "apis": list(apis),
    } | said


def crawled_api(raw: Json) -> Api:
    (only,) = normalise(ENTRY, tool(raw)).apis
    return only


def parameters(raw: Json) -> tuple[Parameter, ...]:
    return crawled_api(raw).parameters


def fault(raw: Any) -> tuple[str, str]:
    """Row id and reason of the one unusable API beside a usable one."""
    crawled = normalise(ENTRY, tool(api("Usable"), raw))
    assert [row.api_name for row in crawled.apis] == ["Usable"]
    (rejected,) = crawled.rejects
    return rejected.row_id, rejected.reason


def test_a_tool_becomes_a_row() -> None:
    crawled = normalise(ENTRY, tool(api()))

    assert crawled.tool == Tool(
        tool_id="Animals/pet_finder",
        category="Animals",
        tool_name="Pet Finder",
        standardized_name="pet_finder",
        description="Finds pets near you.",
        host="pet-finder.example",
        collections=("Family", "Weekend"),
        source="hub",
        source_url="http://hub.example/tools/Animals/pet-finder",
        licence="MIT",
        n_apis=1,
        split="train",
        fingerprint="0ba8bf9a13d8b1343df54c06f7310437",
    )


def test_an_api_becomes_a_row() -> None:
    row = crawled_api(
        api(
            "Find Pets!",
            method="get",
            path="/shelters/{shelter}/pets",
            parameters=[{"name": "shelter", "in": "path", "type": "INTEGER", "example": 7}],
            security=[{"kind": "api_key", "location": "query", "name": "key"}],
            code_snippets={"shell": "curl", "python": "requests.get(...)"},
            example_response={"pets": [{"name": "Żółw", "age": 3.5}], "count": 1},
        )
    )

    assert row == Api(
        api_id="Animals/pet_finder/find_pets",
        tool_id="Animals/pet_finder",
        api_name="Find Pets!",
        function_name="find_pets_for_pet_finder",
        description="Finds pets.",
        protocol="http",
        method="GET",
        url="http://pet-finder.example/shelters/{shelter}/pets",
        parameters=(
            Parameter(
                name="shelter",
                arg_name="shelter",
                location="path",
                type="integer",
                required=True,
                description="",
                default=None,
                schema='{"examples":[7]}',
            ),
        ),
        content_type=None,
        body_schema=None,
        security=(SecurityScheme(kind="api_key", location="query", name="key"),),
        read_only=True,
        response_schema=None,
        code_snippet="requests.get(...)",
        example_response='{"pets":[{"name":"Żółw","age":3.5}],"count":1}',
        fingerprint=row.fingerprint,
    )


def test_rows_survive_arrow() -> None:
    crawled = normalise(ENTRY, tool(api()))

    assert from_arrow(Tool, to_columns([crawled.tool], arrow_schema(Tool))) == [crawled.tool]
    assert from_arrow(Api, to_columns(crawled.apis, arrow_schema(Api))) == list(crawled.apis)


@pytest.mark.parametrize(
    ("said", "default", "schema", "shown"),
    [
        ({"default": "cat", "example": "dog"}, '"cat"', '{"examples":["dog"]}', "cat"),
        ({"default": "cat", "example": "cat"}, '"cat"', None, "cat"),
        ({"example": "dog"}, None, '{"examples":["dog"]}', "dog"),
        ({"default": None, "example": ["dog"]}, None, '{"examples":[["dog"]]}', ["dog"]),
        ({"default": False, "example": True}, "false", '{"examples":[true]}', False),
        ({}, None, None, None),
    ],
)
def test_an_example_is_no_default(said: Json, default: str | None, schema: str | None, shown: Any) -> None:
    (row,) = parameters(api(parameters=[{"name": "kind", "in": "query", "type": "string"} | said]))

    assert (row.default, row.schema, row.shown) == (default, schema, shown)


def test_bounds_enumerations_and_nested_schemas_are_kept_as_json() -> None:
    items = {"type": "object", "properties": {"age": {"type": "integer", "default": None}}}
    said = {"minimum": 0, "maximum": 2.5, "enum": ["a", None], "items": items, "minLength": 1, "rating": 5}
    (row,) = parameters(api(parameters=[{"name": "kind", "in": "query", "type": "array"} | said]))

    assert row.schema == (
        '{"enum":["a",null],"minimum":0,"maximum":2.5,"minLength":1,'
        '"items":{"type":"object","properties":{"age":{"type":"integer","default":null}}}}'
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"schema": {"type": "array", "items": {"type": "integer"}}},
            ("array", True, None, '{"items":{"type":"integer"}}'),
        ),
        ({"schema": {}, "required": False}, ("object", False, None, None)),
        (
            {"schema": {"type": "integer", "minimum": 1}, "example": 3},
            ("integer", True, None, '{"minimum":1,"examples":[3]}'),
        ),
        ({"content_type": "text/plain", "schema": {}}, ("string", True, None, None)),
    ],
)
def test_a_body_without_fields_is_one_parameter(body: Json, expected: tuple[object, ...]) -> None:
    (row,) = parameters(api(method="POST", body=body))
    assert (row.name, row.arg_name, row.location) == ("", "body", "body")
    assert (row.type, row.required, row.default, row.schema) == expected


def test_fields_of_a_body_become_parameters() -> None:
    schema = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "Pet's name", "example": "Rex"},
            "age": {"type": ["null", "integer"], "minimum": 0, "default": 1},
            "owner": {"properties": {"id": {"type": "string"}}, "required": ["id"]},
            "tags": {"items": {"type": "string"}, "examples": [["shy"], []]},
            "weight": {},
        },
    }
    body = {"content_type": "application/json", "schema": schema, "example": {"weight": 4.5}}
    row = crawled_api(api(method="POST", body=body))

    assert [(p.name, p.location, p.type, p.required, p.default, p.schema) for p in row.parameters] == [
        ("name", "body", "string", True, None, '{"examples":["Rex"]}'),
        ("age", "body", "integer", False, "1", '{"minimum":0}'),
        ("owner", "body", "object", False, None, '{"properties":{"id":{"type":"string"}},"required":["id"]}'),
        ("tags", "body", "array", False, None, '{"items":{"type":"string"},"examples":[["shy"]]}'),
        ("weight", "body", "number", False, None, '{"examples":[4.5]}'),
    ]
    assert row.content_type == "application/json"
    assert row.body_schema is not None
    assert row.body_schema.startswith('{"type":"object","required":["name"],"properties":{"name":')


@pytest.mark.parametrize(
    "body",
    [
        {"example": {"to": ["+4712"], "from": "Zoo"}},
        {"schema": {"example": {"to": ["+4712"], "from": "Zoo"}}},
        {"schema": {"examples": [{"to": ["+4712"]}, {"from": "Zoo", "to": []}]}},
    ],
)
def test_an_example_of_the_whole_body_is_one_of_its_fields(body: Json) -> None:
    schema = {"type": "object", "properties": {"to": {"type": "array"}, "from": {"type": "string"}}}
    said = body | {"schema": schema | body.get("schema", {})}
    row = crawled_api(api(method="POST", body=said))
    assert [(p.name, p.schema) for p in row.parameters] == [
        ("to", '{"examples":[["+4712"]]}'),
        ("from", '{"examples":["Zoo"]}'),
    ]


@pytest.mark.parametrize(
    ("said", "schema"),
    [
        ({"maximum": 2**70}, '{"maximum":1180591620717411303424}'),
        ({"minimum": WrittenFloat("0.10000000000000000000001")}, '{"minimum":0.10000000000000000000001}'),
        ({"exclusiveMinimum": 0, "multipleOf": 5}, '{"multipleOf":5,"exclusiveMinimum":0}'),
        ({"exclusiveMinimum": True, "pattern": 5, "uniqueItems": "x", "multipleOf": "2"}, None),
        ({"examples": [3, 3, True, 1, None]}, '{"examples":[3,true,1]}'),
        ({"default": 3, "examples": [3]}, None),
    ],
)
def test_what_is_said_of_values_is_kept_and_what_says_nothing_left_out(
    said: Json, schema: str | None
) -> None:
    parameter = {"name": "n", "in": "query", "type": "integer"} | said
    (row,) = parameters(api(parameters=[parameter]))
    assert row.schema == schema


def test_equal_argument_names_are_told_apart_by_their_place() -> None:
    body = {
        "schema": {"type": "object", "properties": {"ID": {"type": "string"}, "limit": {"type": "integer"}}}
    }
    listed = [
        {"name": "id", "in": "path", "type": "string"},
        {"name": "page-size", "in": "query", "type": "integer"},
        {"name": "page_size", "in": "query", "type": "integer"},
    ]
    rows = parameters(api(path="/pets/{id}", parameters=listed, body=body))

    names = [row.arg_name for row in rows]
    assert [names[0], names[3], names[4]] == ["is_id_path", "is_id_body", "limit"]
    assert names[1].startswith("page_size_")
    assert len(set(names)) == 5


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"method": "HEAD"}, True),
        ({"method": "POST"}, False),
        ({"method": "POST", "read_only": True}, True),
        ({"method": "GET", "read_only": False}, False),
    ],
)
def test_read_only_is_what_the_source_says_or_follows_from_the_method(said: Json, expected: bool) -> None:
    assert crawled_api(api(**said)).read_only is expected


def test_equal_standard_names_of_apis_all_get_a_hash_whatever_their_order() -> None:
    raws = [api("Find pets"), api("find-pets"), api("Other"), api("Find pets", path="/v2")]
    forwards = normalise(ENTRY, tool(*raws)).apis
    backwards = normalise(ENTRY, tool(*raws[::-1])).apis

    assert {row.api_id: row.url for row in forwards} == {row.api_id: row.url for row in backwards}
    assert [row.api_id for row in forwards if row.api_name == "Other"] == ["Animals/pet_finder/other"]
    assert len({row.api_id for row in forwards}) == 4
    assert len({row.function_name for row in forwards}) == 4


@pytest.mark.parametrize(
    ("raw", "row_id", "reason"),
    [
        ("not an API", "Animals/pet_finder/#1", CrawlReason.UNNAMED),
        ({"method": "GET", "path": "/"}, "Animals/pet_finder/#1", CrawlReason.UNNAMED),
        (api("  "), "Animals/pet_finder/#1", CrawlReason.UNNAMED),
        (api("Usable"), "Animals/pet_finder/usable#1", CrawlReason.DUPLICATE),
        (api("Bad", method="FETCH"), "Animals/pet_finder/bad", CrawlReason.MALFORMED),
        (api("Bad", path="pets"), "Animals/pet_finder/bad", CrawlReason.MALFORMED),
        (api("Bad", path="/pets?all=1"), "Animals/pet_finder/bad", CrawlReason.MALFORMED),
        (api("Bad", parameters=[{"name": "x", "in": "cookie"}]), "Animals/pet_finder/bad", "malformed"),
        (
            api("Bad", parameters=[{"name": "x", "in": "query", "type": "blob"}]),
            "Animals/pet_finder/bad",
            "malformed",
        ),
        (api("Bad", security=[{"kind": "oauth2"}]), "Animals/pet_finder/bad", "malformed"),
        (api("Bad", path="/pets/{id}"), "Animals/pet_finder/bad", CrawlReason.INCONSISTENT),
        (
            api("Bad", parameters=[{"name": "x", "in": "query", "type": "string"}] * 2),
            "Animals/pet_finder/bad",
            CrawlReason.INCONSISTENT,
        ),
        (
            api("Bad", body={"content_type": "text/plain", "schema": {"properties": {"a": {}}}}),
            "Animals/pet_finder/bad",
            CrawlReason.UNSUPPORTED_BODY,
        ),
        (
            api("Bad", body={"content_type": "image/png", "schema": {}}),
            "Animals/pet_finder/bad",
            CrawlReason.UNSUPPORTED_BODY,
        ),
        (api("Bad", body={"schema": {"properties": 3}}), "Animals/pet_finder/bad", CrawlReason.MALFORMED),
    ],
)
def test_an_unusable_api_is_rejected_by_itself(raw: Any, row_id: str, reason: str) -> None:
    assert fault(raw) == (row_id, reason)


def test_an_api_nested_too_deeply_is_rejected() -> None:
    deep: Json = {}
    for _ in range(400):
        deep = {"a": deep}

    assert fault(api("Deep", example_response=deep)) == ("Animals/pet_finder/deep", CrawlReason.MALFORMED)


def test_a_tool_without_a_usable_api_is_rejected_with_its_apis() -> None:
    crawled = normalise(ENTRY, tool(api("Bad", path="")))

    assert crawled.tool is None
    assert [(row.row_id, row.reason) for row in crawled.rejects] == [
        ("Animals/pet_finder", CrawlReason.NO_USABLE_API),
        ("Animals/pet_finder/bad", CrawlReason.MALFORMED),
    ]


@pytest.mark.parametrize(
    ("raw", "reason", "detail"),
    [
        ([], "malformed", "value: Input should be a valid dictionary or instance of ToolDetail"),
        (
            tool(api(), host="ftp://pets"),
            "malformed",
            "host: Value error, a host must be an http or https URL",
        ),
        (
            tool(api(), host="http://u:p@pets"),
            "malformed",
            "host: Value error, a host must hold no credentials, query or fragment",
        ),
        (
            tool(api(), name="Pets"),
            "inconsistent",
            "listed as {'id': 'Animals/pet-finder', 'category': 'Animals', 'name': 'Pet Finder'}, "
            "documented as {'id': 'Animals/pet-finder', 'category': 'Animals', 'name': 'Pets'}",
        ),
    ],
)
def test_an_unusable_tool_is_rejected(raw: Any, reason: str, detail: str) -> None:
    expected = Reject(stage="crawl", row_id="Animals/pet_finder", reason=reason, detail=detail)

    assert normalise(ENTRY, raw) == Crawled(entry=ENTRY, tool=None, rejects=(expected,))


def fingerprints(raw: Json) -> tuple[str, str]:
    crawled = normalise(ENTRY, raw)
    assert crawled.tool is not None
    return crawled.tool.fingerprint, crawled.apis[0].fingerprint


@pytest.mark.parametrize(
    "same",
    [
        tool(api(example_response={"b": 2, "a": 1}), popularity={"score": 1}),
        tool(api(example_response={"a": 1, "b": 2}), host="http://pet-finder.example:8080"),
        tool(api(example_response={"a": 1, "b": 2}, code_snippets={"python": "get()"})),
        tool(api(example_response={"a": 1, "b": 2}, latency_ms=12)),
        tool(api(example_response={"a": 1.5, "b": "two"})),
    ],
)
def test_fingerprints_stay_when_nothing_is_said_otherwise(same: Json) -> None:
    assert fingerprints(same) == fingerprints(tool(api(example_response={"a": 1, "b": 2})))


def test_a_changed_api_changes_its_and_the_tools_fingerprint() -> None:
    before = fingerprints(tool(api()))
    after = fingerprints(tool(api(description="Finds all pets.")))

    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_changed_tool_leaves_its_apis_fingerprints() -> None:
    before = fingerprints(tool(api()))
    after = fingerprints(tool(api(), description="Other."))

    assert before[0] != after[0]
    assert before[1] == after[1]


def test_splits_have_their_shares_and_test_categories_are_whole() -> None:
    tools = [(f"category {number % 400}", f"category {number % 400}/tool_{number}") for number in range(8000)]
    splits = {tool_id: split_of(category, tool_id) for category, tool_id in tools}
    shares = {split: count / len(tools) for split, count in Counter(splits.values()).items()}
    of_category: dict[str, set[str]] = {}
    for category, tool_id in tools:
        of_category.setdefault(category, set()).add(splits[tool_id])

    assert 0.75 < shares["train"] < 0.85
    assert 0.07 < shares["test_tool"] < 0.13
    assert 0.07 < shares["test_category"] < 0.13
    assert all(found == {"test_category"} for found in of_category.values() if "test_category" in found)


@pytest.mark.parametrize(
    "said",
    [
        {"protocol": "mcp", "host": "mcp://files"},
        {"protocol": "MCP"},
        {"protocol": "toolbench"},
        {"host": "mcp://files"},
        {"host": "MCP://files"},
        {"host": "toolbench://Animals"},
        {"protocol": "http", "host": "mcp://files"},
    ],
)
def test_how_a_hubs_apis_are_called_is_not_for_its_rows_to_say(said: Json) -> None:
    assert fault(api("Write", read_only=True, **said)) == ("Animals/pet_finder/write", "malformed")


@pytest.mark.parametrize("host", ["mcp://files", "toolbench://Animals"])
def test_nor_for_the_frame_of_a_tool(host: str) -> None:
    crawled = normalise(ENTRY, tool(api(), host=host))

    assert (crawled.tool, [row.reason for row in crawled.rejects]) == (None, ["malformed"])


def test_an_mcp_sources_tools_are_its_own_servers() -> None:
    entry = ENTRY.model_copy(update={"id": "time", "name": "time", "source": "mcp"})
    frame = tool(api(protocol="mcp"), id="time", name="time", host="mcp://files")

    assert [row.reason for row in normalise(entry, frame).rejects] == ["malformed"]
    assert [row.url for row in normalise(entry, frame | {"host": "mcp://time"}).apis] == ["mcp://time/pets"]
