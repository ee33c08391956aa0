from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tasks.errors import BadRow
from tasks.instructions.names import OfferedNames
from tasks.instructions.reading import Written, items_of, read_item
from warehouse.tables.instructions import NamedApi

SEARCH = NamedApi(tool_name="Flights", api_name="Search")
FORECAST = NamedApi(tool_name="Sky Watch", api_name="forecast")


@pytest.fixture
def offered(names: Mapping[str, NamedApi]) -> OfferedNames:
    return OfferedNames(names, names)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('{"instructions": [1, 2]}', [1, 2]),
        ('{"note": "here you go", "Queries": [1, 2]}', [1, 2]),
        ("[1, 2]", [1, 2]),
        ('Sure!\n```json\n{"instructions": [1, 2]}\n```', [1, 2]),
        ('{"instructions": []}', []),
        ('{"query": "a", "relevant_apis": []}', [{"query": "a", "relevant_apis": []}]),
        ('{"1": {"query": "a"}, "2": {"query": "b"}}', [{"query": "a"}, {"query": "b"}]),
    ],
)
def test_items_are_found_in_any_form(text: str, items: list[Any]) -> None:
    assert items_of(text) == items


@pytest.mark.parametrize("text", ["", "I cannot help with that.", "{}", '{"instructions": "none"}'])
def test_a_reply_without_instructions_is_malformed(text: str) -> None:
    with pytest.raises(BadRow) as caught:
        items_of(text)
    assert caught.value.reason == "malformed_reply"


@pytest.mark.parametrize(
    ("apis", "named"),
    [
        ([["Flights", "Search"], ["Sky Watch", "forecast"]], (SEARCH, FORECAST)),
        ([["Flights", "Search"], ["Flights", "Search"]], (SEARCH,)),
        (["Flights", "Search"], (SEARCH,)),
        (["Flights.Search", "sky_watch/forecast"], (SEARCH, FORECAST)),
        ("Flights: Search", (SEARCH,)),
        (["forecast"], (FORECAST,)),
        (["Trains.search"], (NamedApi(tool_name="Trains", api_name="search"),)),
        (["nothing"], (NamedApi(tool_name="", api_name="nothing"),)),
        ([{"tool_name": "Flights", "api_name": "Search"}], (SEARCH,)),
        ({"tool": "Flights", "API": "Search"}, (SEARCH,)),
        ({"Flights": ["Search"], "Sky Watch": "forecast"}, (SEARCH, FORECAST)),
        ([], ()),
        (None, ()),
    ],
)
def test_apis_are_named_in_many_ways(apis: Any, named: tuple[NamedApi, ...], offered: OfferedNames) -> None:
    assert read_item({"query": " Where? ", "relevant_apis": apis}, offered) == Written("Where?", named)


@pytest.mark.parametrize("keys", [("Query", "related apis"), ("instruction", "Relevant APIs")])
def test_keys_are_spelled_in_many_ways(keys: tuple[str, str], offered: OfferedNames) -> None:
    assert read_item({keys[0]: "Where?", keys[1]: [["Flights", "Search"]]}, offered) == Written(
        "Where?", (SEARCH,)
    )


@pytest.mark.parametrize(
    "item",
    [
        "just text",
        None,
        {"relevant_apis": []},
        {"query": "  "},
        {"query": ["a"]},
        {"query": "a", "relevant_apis": [7]},
        {"query": "a", "relevant_apis": [["Flights", "Search", "extra"]]},
        {"query": "a", "relevant_apis": {"Flights": [1]}},
    ],
)
def test_what_cannot_be_read_is_a_malformed_instruction(item: Any, offered: OfferedNames) -> None:
    with pytest.raises(BadRow) as caught:
        read_item(item, offered)
    assert caught.value.reason == "malformed_instruction"


@pytest.mark.parametrize(
    ("tool_name", "api_name", "api_id"),
    [
        ("Flights", "Search", "Travel/flights/search"),
        ("flights", "airport-search", "Travel/flights/airport_search"),
        ("SKY_WATCH", "Forecast", "Weather/sky_watch/forecast"),
        ("Sky Watch", "Search", None),
        ("", "forecast", None),
    ],
)
def test_names_match_but_for_case_and_punctuation(
    tool_name: str, api_name: str, api_id: str | None, offered: OfferedNames
) -> None:
    assert offered.find(NamedApi(tool_name=tool_name, api_name=api_name)) == api_id


def test_an_ambiguous_name_must_be_spelled_exactly() -> None:
    names = {
        "a/t/x_1": NamedApi(tool_name="T", api_name="list users"),
        "a/t/x_2": NamedApi(tool_name="T", api_name="List Users"),
    }
    offered = OfferedNames(names, names)
    assert offered.find(NamedApi(tool_name="T", api_name="List Users")) == "a/t/x_2"
    assert offered.find(NamedApi(tool_name="T", api_name="LIST USERS")) is None
