from __future__ import annotations

from collections.abc import Mapping

import pytest

from tasks.errors import BadRow
from tasks.instructions.names import OfferedNames
from tasks.instructions.screen import SCREENS, screened
from tasks.instructions.words import words_of
from warehouse.tables.instructions import Candidate, NamedApi, RelevantApi

BOTH = (("Flights", "Search"), ("Sky Watch", "forecast"))
FINE = "My sister lands in Oslo on 3 May: which flights arrive before noon, and will it rain on her?"


def candidate(query: str, apis: tuple[tuple[str, str], ...] = BOTH) -> Candidate:
    return Candidate(
        candidate_id="c",
        sample_id="s",
        ordinal=0,
        query=query,
        relevant_apis=tuple(NamedApi(tool_name=tool, api_name=api) for tool, api in apis),
        model="m",
        prompt_digest="p",
        seed_ids=(),
    )


@pytest.fixture
def offered(names: Mapping[str, NamedApi]) -> OfferedNames:
    return OfferedNames(names, names)


def verdict_of(written: Candidate, scenario: str, offered: OfferedNames) -> str:
    try:
        screened(written, scenario, offered, min_words=3)
    except BadRow as error:
        return error.reason
    return "fine"


def test_what_passes_has_its_apis_as_the_catalogue_spells_them(offered: OfferedNames) -> None:
    written = candidate(FINE, (("flights", "search"), ("Flights", "Search"), ("sky-watch", "Forecast")))
    assert screened(written, "G3", offered, min_words=10) == (
        RelevantApi(tool_name="Flights", api_name="Search", api_id="Travel/flights/search"),
        RelevantApi(tool_name="Sky Watch", api_name="forecast", api_id="Weather/sky_watch/forecast"),
    )


@pytest.mark.parametrize(
    ("scenario", "apis", "verdict"),
    [
        ("G1", (), "no_relevant_api"),
        ("G1", (("Trains", "Search"),), "hallucinated_api"),
        ("G3", (*BOTH, ("Flights", "book")), "hallucinated_api"),
        ("G1", (("Flights", "Search"),), "fine"),
        ("G2", (("Flights", "Search"),), "not_multi_tool"),
        ("G3", (("Flights", "Search"), ("Flights", "Airport Search")), "not_multi_tool"),
        ("G3", BOTH, "fine"),
    ],
)
def test_the_apis_an_instruction_needs(
    scenario: str, apis: tuple[tuple[str, str], ...], verdict: str, offered: OfferedNames
) -> None:
    assert verdict_of(candidate(FINE, apis), scenario, offered) == verdict


@pytest.mark.parametrize(
    ("query", "verdict"),
    [
        ('{"query": "Which flights?", "relevant_apis": []}', "leaks_json"),
        ("Which flights go to Oslo? relevant_apis: flights", "leaks_json"),
        ('["Which flights go to Oslo?", "Will it rain?"]', "leaks_json"),
        ('Why does this not parse: {"city": "Oslo", "day": }? I sent it twice.', "fine"),
        ("Which flights go to [city] on Monday?", "placeholder"),
        ("Which flights go to <your city> on Monday?", "placeholder"),
        ("Which flights go to {{ city }} on Monday?", "placeholder"),
        ("Which flights go to {city} on Monday?", "placeholder"),
        ("Which flight is number XXX to Oslo?", "placeholder"),
        ("Which flights go to ____ on Monday?", "placeholder"),
        ("Log me in with your_api_key and find flights", "placeholder"),
        ("Sort the fares [120, 80, 95] and [low, high] for me", "fine"),
        ("Is 3 < 5 while 7 > 6 for flights?", "fine"),
        ("1234 5678 !!", "not_a_request"),
        ("- flights to Oslo\n- weather in Oslo", "not_a_request"),
        ("1. flights to Oslo\n2. weather in Oslo\n\n3. alerts", "not_a_request"),
        ("I want to know:\n- flights to Oslo\n- weather in Oslo", "fine"),
        ("Flights to Oslo?", "fine"),
        ("Oslo flights", "too_short"),
        ("on and on " * 200, "too_long"),
        ("Use Sky Watch to see whether it rains", "names_a_tool"),
        ("What is the sky watch like tonight?", "fine"),
        ("What does the sky watch API say of Oslo?", "names_a_tool"),
        ("Which flights go to Oslo?", "fine"),
        ("Ask the flights endpoint about Oslo", "names_a_tool"),
        ("Run an Airport Search for Oslo", "names_an_api"),
        ("I need an airport search for Oslo", "fine"),
        ("Please call getalerts for Oslo", "names_an_api"),
        ("What is the forecast for Oslo?", "fine"),
        ("Give me the forecast API answer for Oslo", "names_an_api"),
        ("The Airport Searchers are a band from Oslo", "fine"),
    ],
)
def test_what_is_said(query: str, verdict: str, offered: OfferedNames) -> None:
    assert verdict_of(candidate(query), "G3", offered) == verdict


def test_reasons_are_asked_in_this_order() -> None:
    assert list(SCREENS) == [
        "no_relevant_api",
        "hallucinated_api",
        "not_multi_tool",
        "leaks_json",
        "placeholder",
        "not_a_request",
        "too_short",
        "too_long",
        "names_a_tool",
        "names_an_api",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Don't pay 3.50 at 10:30 for low-cost tea.",
            ["don't", "pay", "3.50", "at", "10:30", "for", "low-cost", "tea"],
        ),
        ("东京天气 ok", ["东", "京", "天", "气", "ok"]),
        ("Größe?", ["grösse"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words
