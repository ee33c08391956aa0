from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tasks.documents.shorten import cut_document_of, document_of, example_response_of
from tasks.errors import BrokenContract
from tasks.text_budget.tokens import count_tokens
from warehouse.tables.catalogue import Api, Parameter, Tool
from warehouse.tables.probing import Verdict

HUGE: list[Any] = [
    {"title": f"Soup no. {n}", "steps": ["stir"] * 20, "story": "long ago " * 50} for n in range(500)
]


def test_a_document_is_compact_json_with_its_keys_in_order(tool: Tool, api: Api) -> None:
    assert document_of(tool, api, {"title": "Crème", "ids": [1, 2]}) == (
        '{"tool_name":"Recipes","tool_description":"Recipes from all over the world.","category":"Food",'
        '"api_name":"Search","api_description":"Finds recipes.","method":"GET","parameters":[{"name":'
        '"max_results","type":"integer","required":false,"description":"How many to return.","default":10,'
        '"minimum":1,"maximum":50}],"response":{"title":"Crème","ids":[1,2]}}'
    )


@pytest.mark.parametrize(
    ("default", "schema", "described"),
    [
        (None, None, {}),
        ("null", "{}", {"default": None}),
        ('"a"', '{"enum": ["a", "b"]}', {"default": "a", "enum": ["a", "b"]}),
        ("[1]", '{"items": {"type": "integer"}}', {"default": [1], "items": {"type": "integer"}}),
        (None, '{"properties": {"x": {"type": "string"}}}', {"properties": {"x": {"type": "string"}}}),
        (
            None,
            '{"uniqueItems": true, "maxLength": 9, "pattern": "^a", "format": "date", "x-style": "csv"}',
            {"format": "date", "pattern": "^a", "maxLength": 9, "uniqueItems": True},
        ),
    ],
)
def test_a_parameter_shows_what_is_known_of_its_values(
    default: str | None, schema: str | None, described: dict[str, Any], tool: Tool, api: Api
) -> None:
    shown = replace(api, parameters=(replace(api.parameters[0], default=default, schema=schema),))
    (found,) = json.loads(document_of(tool, shown, None))["parameters"]
    assert found == {
        "name": "max_results",
        "type": "integer",
        "required": False,
        "description": "How many to return.",
        **described,
    }


def test_a_column_that_is_not_json_breaks_the_contract(tool: Tool, api: Api, parameter: Parameter) -> None:
    broken = replace(api, parameters=(replace(parameter, default="{"),))
    with pytest.raises(BrokenContract, match="'max-results' of Food/recipes/search"):
        document_of(tool, broken, None)


def test_a_call_that_was_answered_stands_beside_the_answer(tool: Tool, api: Api) -> None:
    shown = json.loads(document_of(tool, api, {"title": "Soup"}, {"max_results": 3}))
    assert list(shown)[-3:] == ["parameters", "arguments", "response"]
    assert (shown["arguments"], shown["response"]) == ({"max_results": 3}, {"title": "Soup"})


def test_a_cut_document_has_the_call_too(tool: Tool, api: Api) -> None:
    cut = json.loads(cut_document_of(tool, api, HUGE, 400, arguments={"max_results": 500}))
    assert cut["arguments"] == {"max_results": 500}
    assert cut["response"][0]["title"] == "Soup no. 0"


def test_a_document_that_fits_is_not_cut(tool: Tool, api: Api) -> None:
    whole = document_of(tool, api, {"title": "Soup"})
    assert cut_document_of(tool, api, {"title": "Soup"}, count_tokens(whole)) == whole


@pytest.mark.parametrize("budget", [128, 300, 2048])
@pytest.mark.parametrize("response", [HUGE, {"all": HUGE}, "word " * 9000], ids=["array", "object", "text"])
def test_the_response_is_cut_first(response: Any, budget: int, tool: Tool, api: Api) -> None:
    text = cut_document_of(tool, api, response, budget)
    document = json.loads(text)
    assert count_tokens(text) <= budget
    assert document | {"response": None} == json.loads(document_of(tool, api, None))
    assert budget < 300 or count_tokens(text) > budget * 0.8


def test_long_descriptions_leave_a_quarter_to_the_response(
    tool: Tool, api: Api, parameter: Parameter
) -> None:
    wordy = replace(
        api,
        description="Finds recipes of every kind. " * 400,
        parameters=tuple(
            replace(parameter, arg_name=f"p{n}", description="Very important. " * 60) for n in range(12)
        ),
    )
    text = cut_document_of(tool, wordy, HUGE, 2048)
    document = json.loads(text)
    assert count_tokens(text) <= 2048
    assert [shown["name"] for shown in document["parameters"]] == [f"p{n}" for n in range(12)]
    assert 2048 * 0.15 < count_tokens(json.dumps(document["response"])) < 2048 * 0.4


def test_even_a_hopeless_budget_is_kept(tool: Tool, api: Api, parameter: Parameter) -> None:
    many = replace(api, parameters=tuple(replace(parameter, arg_name=f"p{n}") for n in range(90)))
    text = cut_document_of(tool, many, HUGE, 64)
    assert count_tokens(text) <= 64
    assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize(
    ("real", "listed", "example"),
    [
        ('{"real": 1}', '{"listed": 1}', {"real": 1}),
        (None, '{"listed": 1}', {"listed": 1}),
        (None, None, None),
        ("plain text", None, "plain text"),
        ('"quoted"', None, "quoted"),
        ('{"n": 123456789012345678901234567890}', None, {"n": 123456789012345678901234567890}),
        ("[" * 150 + "]" * 150, None, "[" * 150 + "]" * 150),
        ("[" * 100_000, None, "[" * 100_000),
    ],
    ids=["real", "listed", "none", "text", "string", "big", "deep", "abyss"],
)
def test_the_real_response_comes_before_the_listed_one(
    real: str | None,
    listed: str | None,
    example: Any,
    api: Api,
    make_verdict: Callable[[str | None], Verdict],
) -> None:
    assert example_response_of(replace(api, example_response=listed), make_verdict(real)) == example
