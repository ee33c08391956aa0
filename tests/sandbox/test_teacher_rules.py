"""What the teacher writes is what it finds again, value for value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.teacher.documents import Parameter, of_document, wish_of
from sandbox.teacher.faults import TeacherFaults
from sandbox.teacher.prompts import Instruct, Search
from sandbox.teacher.searching import Situation
from sandbox.teacher.values import read_said, said
from sandbox.teacher.writing import EARLIER, Draft, draft

Json = dict[str, Any]


def entry(name: str, kind: str = "string", **more: Any) -> Json:
    return {"name": name, "type": kind, "required": True, "description": "", **more}


def document(tool: str, name: str, description: str, *parameters: Json, response: Any = None) -> Json:
    return {
        "tool_name": tool,
        "api_name": name,
        "api_description": description,
        "parameters": list(parameters),
        "response": response,
    }


ORIGIN, TARGET = entry("origin", examples=["Graz", "Linz"]), entry("target", examples=["Wien", "Lienz"])
DOCUMENTS = [
    document("Rails", "Trains", "Lists the trains between two towns.", ORIGIN, TARGET),
    document("Rails", "Price", "Computes the price of a ticket; knows no discounts.", ORIGIN, TARGET),
    document("Words", "Rime", "Rhymes two names.", entry("a", examples=["A"]), entry("b", examples=["Bo"])),
    document("Words", "Join", "Joins words.", entry("words", "array", examples=[["up", "and", "down, too"]])),
    document("Sums", "Table", "Sums up a table.", entry("rows", "array", examples=[[[1, 2], [3, 4]]])),
    document("Sums", "Share", "Divides a sum.", entry("sum", "number", default=9.5), entry("n", "integer")),
    document("Shop", "All Carts", "Lists all carts.", response={"carts": [{"cart_id": "c-1"}]}),
    document("Shop", "Cart", "Returns the goods of one cart.", entry("cart_id")),
]  # fmt: skip
APIS = [of_document(one) for one in DOCUMENTS]


def function(one: Json) -> Json:
    properties = {parameter["name"]: parameter for parameter in one["parameters"]}
    name = f"{one['api_name']}_for_{one['tool_name']}".lower().replace(" ", "_")
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": one["api_description"], "parameters": schema}


def drafts() -> list[Draft]:
    task = Instruct(DOCUMENTS, n=60, min_words=30)
    return [draft(task, APIS, number) for number in range(60)]


def calls_for(query: str) -> list[tuple[str, Json]]:
    """The calls that a search plans before anything came back."""
    search = Search(query, [function(one) for one in DOCUMENTS], [], [])
    situation = Situation(search, TeacherFaults.none())
    return [(part.api.name.split("_for_")[0], situation._arguments(part)) for part in situation.plan]


def test_apis_are_called_with_the_values_that_an_instruction_states() -> None:
    right = []
    for one in drafts():
        called = dict(calls_for(one.query))
        right.append(
            all(
                called.get(api.name.lower().replace(" ", "_"), {}).get(name) == value
                for api, stated in zip(one.apis, one.values, strict=True)
                for name, value in stated.items()
                if value != EARLIER
            )
        )
    assert sum(right) >= 58


def test_every_api_gets_its_turn_and_no_other_is_called() -> None:
    for one in drafts():
        assert [name for name, _ in calls_for(one.query)] == [
            api.name.lower().replace(" ", "_") for api in one.apis
        ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", 'a "quoted", and the city 7'),
        ("string", "line\nbreak"),
        ("number", -2.5),
        ("integer", 0),
        ("boolean", True),
        ("array", ["one", "two, and three"]),
        ("array", [1]),
        ("array", [[1, 2], [3, 4]]),
        ("object", {"a": [1, {"b": "c"}]}),
    ],
)
def test_a_value_is_read_as_it_was_said(kind: str, value: Any) -> None:
    parameter = Parameter("cityName", True, {"type": kind})

    text = f"do it, with {said(parameter, value)} and the size 3."

    assert json.dumps(read_said(parameter, text)) == json.dumps(value)


@pytest.mark.parametrize(
    ("description", "wish"),
    [
        ("Computes the date of Easter; knows two calendars.", "compute the date of Easter"),
        ("Returns the weather of a city.", "give me the weather of a city"),
        ("Tells whether a year is a leap year.", "tell me whether a year is a leap year"),
        ("This endpoint lists all users.", "give me all users"),
        ("Wraps a text and returns the lines.", "wrap a text and return the lines"),
        ("The request's headers.", "tell me the request's headers"),
        ("", "tell me the open orders"),
    ],
)
def test_a_wish_says_what_a_description_says(description: str, wish: str) -> None:
    assert wish_of(description, "open_orders") == wish
