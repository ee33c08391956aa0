"""Which functions a model is offered for a list of APIs."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from catalogue_rows import a_tool

from tasks.llm.params import Capabilities
from tasks.search.functions import finish_function, offer_for, with_finish
from tasks.search.rules import TOOLBENCH, TOOLLOOM
from tasks.search.task import Function, ToolNote
from warehouse.tables.catalogue import Api
from warehouse.tables.documents import Document

MakeApi = Callable[..., Api]

SKY = a_tool("Weather/sky", tool_name="Sky Watch", description="Forecasts for every place.")
TOOLS = {SKY.tool_id: SKY}


def document(api_id: str, **fields: Any) -> dict[str, Document]:
    text = json.dumps(fields)
    row = Document(
        api_id=api_id, document=text, response_schema="{}", tokens_before=9, tokens_after=9, method="as-is"
    )
    return {api_id: row}


@pytest.fixture
def forecast(make_api: MakeApi) -> Api:
    return make_api(
        {"name": "city", "required": True, "description": "Where."},
        {"name": "days", "type": "number", "default": "3", "schema": '{"minimum": 1, "maximum": 9}'},
        {"name": "fields", "type": "array", "schema": '{"enum": ["rain", "wind"]}'},
        {"name": "raw", "type": "binary", "default": '""'},
        description="The weather to come",
    )


def test_a_function_says_all_the_catalogue_knows(forecast: Api) -> None:
    assert offer_for([forecast], TOOLS, {}, capabilities=Capabilities()).functions[0] == Function.of(
        "forecast_for_sky",
        'The weather to come. An API of the tool "Sky Watch" (Weather).',
        {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where."},
                "days": {"type": "number", "minimum": 1, "maximum": 9, "default": 3},
                "fields": {"type": "array", "enum": ["rain", "wind"], "items": {}},
                "raw": {"type": "string", "default": ""},
            },
            "required": ["city"],
        },
    )


def test_published_rules_know_three_types_and_a_list_of_optional_ones(forecast: Api) -> None:
    assert offer_for([forecast], TOOLS, {}, TOOLBENCH).functions[0].wire()["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where."},
            "days": {"type": "integer", "description": "", "example_value": 3},
            "fields": {"type": "string", "description": ""},
            "raw": {"type": "string", "description": ""},
        },
        "required": ["city"],
        "optional": ["days", "fields", "raw"],
    }


def test_published_rules_describe_a_function_by_what_the_source_says(make_api: MakeApi) -> None:
    record = {"type": "string", "default": None, "description": "Which day? "}
    api = make_api(
        {"name": "city", "required": True, "description": "W" * 300, "default": '"Oslo"'},
        {"name": "day", "schema": json.dumps({"x-published": record})},
        api_name="Forecast",
        description=f" The Forecast of a day. {'Long. ' * 60}",
    )

    function = offer_for([api], TOOLS, document(api.api_id, api_description="Rain?"), TOOLBENCH).functions[0]

    said = f"The forecast_for_sky of a day. {'Long. ' * 60}"[:256]
    assert function.wire()["function"] == {
        "name": "forecast_for_sky",
        "description": 'This is the subfunction for tool "sky", you can use this tool.'
        f'The description of this function is: "{said}"',
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "W" * 256, "example_value": "Oslo"},
                "day": {"type": "string", "description": "Which day? ", "example_value": None},
            },
            "required": ["city"],
            "optional": ["day"],
        },
    }


def test_published_rules_cut_a_name_from_the_left(make_api: MakeApi) -> None:
    one, other = (make_api(api_id=f"w/sky/{start}{'long_' * 14}name") for start in ("a", "b"))

    names = [function.name for function in offer_for([one, other], {}, {}, TOOLBENCH).functions[:2]]

    assert names[0] == f"{'long_' * 14}name_for_sky"[-64:]
    assert (len(names[1]), names[1][:20]) == (64, names[0][:20])
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("flag", "mended", "published"),
    [
        ("optional_always_offered", {"days": {"type": "number"}}, {}),
        (
            "numbers_stay_numbers",
            {"days": {"type": "number"}},
            {"days": {"type": "integer", "description": ""}},
        ),
    ],
)
def test_what_a_flag_changes_for_an_api_with_optional_parameters_only(
    make_api: MakeApi, flag: str, mended: object, published: object
) -> None:
    api = make_api({"name": "days", "type": "number"})
    flags: dict[str, Any] = {flag: False}
    without = dataclasses.replace(TOOLLOOM, **flags)

    assert offer_for([api], TOOLS, {}).functions[0].wire()["function"]["parameters"]["properties"] == mended
    assert (
        offer_for([api], TOOLS, {}, without).functions[0].wire()["function"]["parameters"]["properties"]
        == published
    )


def test_the_document_has_the_last_word(forecast: Api) -> None:
    documents = document(
        forecast.api_id,
        tool_name="Sky",
        tool_description="Shorter.",
        api_description="Rain or not?",
        parameters=[{"name": "city", "description": "Any city."}, {"_cut": "3 more items"}],
    )

    offer = offer_for([forecast], TOOLS, documents)

    assert (
        offer.functions[0].wire()["function"]["description"]
        == 'Rain or not? An API of the tool "Sky" (Weather).'
    )
    assert (
        offer.functions[0].wire()["function"]["parameters"]["properties"]["city"]["description"]
        == "Any city."
    )
    assert offer.tools == (ToolNote("Sky", "Shorter."),)


def test_without_tool_and_document_the_ids_say_what_they_can(forecast: Api) -> None:
    offer = offer_for([forecast], {}, {})

    assert (
        offer.functions[0].wire()["function"]["description"]
        == 'The weather to come. An API of the tool "sky" (Weather).'
    )
    assert offer.tools == (ToolNote("sky", ""),)


def test_functions_and_tools_keep_the_order_of_the_apis_and_finish_is_last(make_api: MakeApi) -> None:
    ids = [("b", "Sea/tides"), ("a", "Weather/sky"), ("c", "Sea/tides")]
    apis = [
        make_api(api_id=f"{tool_id}/{name}", tool_id=tool_id, function_name=name) for name, tool_id in ids
    ]

    offer = offer_for(apis, TOOLS, {})

    assert [function.name for function in offer.functions] == ["b", "a", "c", "Finish"]
    assert [tool.name for tool in offer.tools] == ["tides", "Sky Watch"]
    assert list(offer.apis.values()) == apis


def test_equal_names_are_told_apart_and_an_api_is_offered_once(make_api: MakeApi) -> None:
    one = make_api(api_id="Weather/sky/look", function_name="look")
    other = make_api(api_id="Travel/sky/look", function_name="look")
    end = make_api(api_id="Weather/sky/finish", function_name="Finish")

    offer = offer_for([one, other, one, end], {}, {})

    assert {name: api.api_id for name, api in offer.apis.items()} == {
        "look": "Weather/sky/look",
        "look_eb7cf190": "Travel/sky/look",
        "Finish_c5f216fc": "Weather/sky/finish",
    }


def test_a_description_keeps_within_the_protocols_limit(make_api: MakeApi) -> None:
    api = make_api(description="word " * 1000)

    text = offer_for([api], TOOLS, {}).functions[0].wire()["function"]["description"]

    assert len(text) <= 1024
    assert text.endswith(' word ... An API of the tool "Sky Watch" (Weather).')


@pytest.mark.parametrize(
    ("schema", "offered"),
    [
        ({"items": {"type": "array"}}, {"items": {"type": "array", "items": {}}}),
        ({"items": {"type": "string"}}, {"items": {"type": "string"}}),
        (
            {"items": {"type": "object", "properties": {"tags": {"type": ["array", "null"]}}}},
            {"items": {"type": "object", "properties": {"tags": {"type": ["array", "null"], "items": {}}}}},
        ),
        (
            {"items": {"anyOf": [{"type": "array"}, {"type": "string"}]}},
            {"items": {"anyOf": [{"type": "array", "items": {}}, {"type": "string"}]}},
        ),
        (
            {"items": {"type": "object", "additionalProperties": {"type": "array"}}},
            {"items": {"type": "object", "additionalProperties": {"type": "array", "items": {}}}},
        ),
        # What is no schema only looks like one.
        (
            {"items": {"type": "object", "default": {"type": "array"}}},
            {"items": {"type": "object", "default": {"type": "array"}}},
        ),
    ],
)
def test_arrays_within_arrays_say_what_they_hold(
    make_api: MakeApi, schema: dict[str, Any], offered: dict[str, Any]
) -> None:
    api = make_api({"name": "rows", "type": "array", "schema": json.dumps(schema)})

    parameters = offer_for([api], TOOLS, {}).functions[0].wire()["function"]["parameters"]

    assert parameters["properties"] == {"rows": {"type": "array", **offered}}


@pytest.mark.parametrize(
    ("lacking", "schema", "offered"),
    [
        (
            "integer_enums",
            {"type": "integer", "schema": '{"enum": [1, 2]}', "description": "How loud"},
            {"type": "integer", "description": "How loud. One of: 1, 2."},
        ),
        (
            "integer_enums",
            {"type": "boolean", "schema": '{"enum": [true]}'},
            {"type": "boolean", "description": "One of: true."},
        ),
        (
            "integer_enums",
            {"type": "array", "schema": '{"items": {"type": "number", "enum": [0.5, null]}}'},
            {"type": "array", "items": {"type": "number", "description": "One of: 0.5, null."}},
        ),
        (
            "integer_enums",
            {"type": "string", "schema": '{"enum": ["a"]}'},
            {"type": "string", "enum": ["a"]},
        ),
        (
            "untyped_items",
            {"type": "array", "schema": '{"items": {"type": "array"}}'},
            {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
        ),
        (
            "long_names",
            {"type": "object", "schema": '{"properties": {"a b": {"type": "string"}}, "required": ["a b"]}'},
            {
                "type": "object",
                "description": 'Its properties follow this JSON schema: {"a b": {"type": "string"}}',
            },
        ),
    ],
)
def test_what_an_endpoint_refuses_in_a_function_is_told_in_words(
    make_api: MakeApi, lacking: str, schema: dict[str, Any], offered: dict[str, Any]
) -> None:
    api = make_api({"name": "level", **schema})

    offer = offer_for([api], TOOLS, {}, capabilities=Capabilities(**{lacking: False}))

    assert offer.functions[0].wire()["function"]["parameters"]["properties"] == {"level": offered}


def test_a_long_name_of_an_argument_is_cut_and_its_real_one_kept(make_api: MakeApi) -> None:
    long, other = "a" * 60 + "_of_it", "a" * 60 + "_of_that"
    api = make_api({"name": long, "required": True}, {"name": other}, {"name": "city"})

    offer = offer_for([api], TOOLS, {}, capabilities=Capabilities(long_names=False))

    parameters = offer.functions[0].wire()["function"]["parameters"]
    first, second, third = parameters["properties"]
    assert (len(first), len(second), third) == (64, 64, "city")
    assert offer.renamed == {"forecast_for_sky": {first: long, second: other}}
    assert parameters["required"] == [first]
    assert offer_for([api], TOOLS, {}, capabilities=Capabilities()).renamed == {"forecast_for_sky": {}}


def test_finish_is_added_where_it_is_missing() -> None:
    function = Function.of("look", "", {})

    assert with_finish([function]) == (function, finish_function())
    assert with_finish([finish_function(), function]) == (finish_function(), function)


ORACLE = Path(__file__).parents[4] / "shared" / "oracle"


@pytest.mark.skipif(not ORACLE.is_dir(), reason="needs the oracle beside the repository")
def test_published_rules_offer_what_the_published_code_offers(make_api: MakeApi) -> None:
    spec = importlib.util.spec_from_file_location("oracle_teacher", ORACLE / "teacher.py")
    assert spec is not None
    assert spec.loader is not None
    teacher = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(teacher)
    recorded = [json.loads(line) for line in (ORACLE / "golden" / "schemas.jsonl").read_text().splitlines()]

    offered = {}
    for record in recorded:
        catalogue = teacher.Scenario(record["model"]).catalog()
        apis = [published_api(make_api, api) for tool in catalogue["tools"] for api in tool["api_list"]]
        tools = [function.wire() for function in offer_for(apis, {}, {}, TOOLBENCH).functions]
        offered[record["model"]] = teacher.schema_of({"tools": tools})

    assert offered == {record["model"]: record["schema"] for record in recorded}


def published_api(make_api: MakeApi, api: Any) -> Api:
    types = {"NUMBER": "number", "STRING": "string", "BOOLEAN": "boolean", "ENUM": "string"}
    parameters = [
        {"name": parameter["arg_name"], "type": types[parameter["type"]], "required": required}
        for required, kind in ((True, "required_parameters"), (False, "optional_parameters"))
        for parameter in api[kind]
    ]
    name, _, tool = api["function_name"].rpartition("_for_")
    return make_api(*parameters, api_id=f"a/{tool}/{name}", function_name=api["function_name"])
