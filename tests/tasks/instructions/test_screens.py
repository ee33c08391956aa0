from __future__ import annotations

from collections.abc import Mapping

import pytest
from catalogue_rows import a_parameter
from pydantic import ValidationError

from tasks.errors import BadRow
from tasks.instructions.names import OfferedNames
from tasks.instructions.params import SCREEN_NAMES, InstructParams
from tasks.instructions.screens import SCREENS, mentioned, screened
from tasks.instructions.similarity import words_of
from warehouse.tables.catalogue import Parameter
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


def verdict_of(
    written: Candidate,
    scenario: str,
    offered: OfferedNames,
    params: InstructParams = InstructParams(min_words=3),  # noqa: B008 - frozen
    parameters: Mapping[str, tuple[Parameter, ...]] | None = None,
) -> str:
    try:
        screened(written, scenario, offered, parameters or {}, params)
    except BadRow as error:
        return error.reason
    return "fine"


def test_what_passes_has_its_apis_as_the_catalogue_spells_them(offered: OfferedNames) -> None:
    written = candidate(FINE, (("flights", "search"), ("Flights", "Search"), ("sky-watch", "Forecast")))
    assert screened(written, "G3", offered, {}, InstructParams(min_words=10)) == (
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


@pytest.mark.parametrize(
    ("name", "query", "named"),
    [
        ("Harbour API", "Ask the Harbour API when the ferry leaves", True),
        ("Harbour API", "ask the harbour  api when the ferry leaves", True),
        ("Harbour API", "What does the harbour endpoint say of the ferry?", True),
        ("Harbour API", "When does the ferry leave the harbour?", False),
        ("Harbour-API", "Is there a harbour-api for ferries?", True),
        ("API Harbour", "Look it up with api harbour, please", True),
        ("Ferryapi", "Ask ferryapi when the boat leaves", True),
        ("Okapi", "How tall does an okapi grow?", False),
        ("Northern Harbour API", "Is Northern Harbour open in May?", False),
        ("Northern Harbour API", "Ask Northern Harbour APIs about May", True),
        ("Word", "What is the word of the day?", False),
        ("Word", "What does the word API say?", True),
    ],
)
def test_a_name_that_says_it_is_an_api_is_a_leak_in_one_word_too(name: str, query: str, named: bool) -> None:
    assert (mentioned(query, [name]) is not None) is named


@pytest.mark.parametrize(
    ("query", "verdict"),
    [
        ("I'm sorry, but I cannot write instructions for these services.", "refusal"),
        ("As an AI language model I have no birthday to plan in Oslo.", "refusal"),
        ("I cannot generate any queries for the flights to Oslo.", "refusal"),
        ("I can't write this speech alone, so which flights go to Oslo?", "fine"),
        ("I'm sorry for the late question: which flights go to Oslo?", "fine"),
        ("Read https://www.example.com/news and tell me of flights to Oslo.", "placeholder"),
        ("Find the booking with the number BookingNumberHere for Oslo.", "placeholder"),
        ("Welche Flüge gehen morgen von Köln nach Oslo, und wird es dort regnen?", "wrong_language"),
        ("Quels vols partent demain de Lyon pour Oslo, et va-t-il y pleuvoir ?", "wrong_language"),
        ("Translate 'Welche Flüge gehen morgen nach Oslo?' for the man at the desk, please.", "fine"),
        ("Which parameters do you need to find flights to Oslo?", "asks_for_parameters"),
        ("Find me flights. Please provide your location first.", "asks_for_parameters"),
        ("Pass the required arguments for flights to Oslo.", "asks_for_parameters"),
        ("Take this address apart with its query parameters and show flights to Oslo.", "fine"),
        ("Please provide your recommendations for flights to Oslo.", "fine"),
    ],
)
def test_what_is_no_persons_request(query: str, verdict: str, offered: OfferedNames) -> None:
    assert verdict_of(candidate(query), "G3", offered) == verdict


def parameter(
    name: str,
    kind: str = "string",
    *,
    required: bool = True,
    default: str | None = None,
    schema: str | None = None,
    description: str = "",
) -> Parameter:
    return a_parameter(
        name, type=kind, required=required, description=description, default=default, schema=schema
    )


SEARCH, FORECAST = "Travel/flights/search", "Weather/sky_watch/forecast"


@pytest.mark.parametrize(
    ("query", "required", "verdict"),
    [
        (
            "How long is the flight with that number?",
            {SEARCH: parameter("number", "integer")},
            "missing_value",
        ),
        ("How long is flight 4711?", {SEARCH: parameter("number", "integer")}, "fine"),
        ("How long are three flights?", {SEARCH: parameter("count", "number")}, "fine"),
        ("How long are the flights?", {SEARCH: parameter("count", "number", default="10")}, "missing_value"),
        ("How long are the flights?", {SEARCH: parameter("count", "number", required=False)}, "fine"),
        ("How long are the flights?", {SEARCH: parameter("count", "integer", schema='{"enum":[1]}')}, "fine"),
        ("Will it rain in Oslo?", {SEARCH: parameter("latitude", "number")}, "fine"),
        ("Which flights then?", {SEARCH: parameter("departureDate")}, "missing_value"),
        ("Which flights then?", {SEARCH: parameter("day", schema='{"format":"date"}')}, "missing_value"),
        ("Which flights on 4 May 2026?", {SEARCH: parameter("departureDate")}, "fine"),
        ("Which flights on 4 May 2026?", {SEARCH: parameter("day", default='"2026-01-01"')}, "fine"),
        ("Which flights has my boss booked?", {SEARCH: parameter("email")}, "missing_value"),
        ("Which flights has a@b.org booked?", {SEARCH: parameter("email")}, "fine"),
        ("Which flights are on that page?", {SEARCH: parameter("page_url")}, "missing_value"),
        ("Which flights are on oslo.no today?", {SEARCH: parameter("page_url")}, "fine"),
        (
            "Which flights, and their weather?",
            {SEARCH: parameter("city"), FORECAST: parameter("flight", "integer")},
            "fine",
        ),
        (
            "Which flights, and their weather?",
            {SEARCH: parameter("date"), FORECAST: parameter("flight", "integer")},
            "missing_value",
        ),
    ],
)
def test_some_api_can_be_called_with_what_is_said(
    query: str, required: Mapping[str, Parameter], verdict: str, offered: OfferedNames
) -> None:
    needed = tuple((offered.names[api_id].tool_name, offered.names[api_id].api_name) for api_id in required)
    parameters = {api_id: (one,) for api_id, one in required.items()}
    assert verdict_of(candidate(query, needed), "G1", offered, parameters=parameters) == verdict


@pytest.mark.parametrize(
    "said",
    [
        "tonight",
        "tomorrow",
        "next Friday",
        "this weekend",
        "on 4 May",
        "in three days",
        "for 1500 euros",
        "in 2,026",
    ],
)
@pytest.mark.parametrize(
    "wanted",
    [
        parameter("departureDate"),
        parameter("day", schema='{"format": "date"}'),
        parameter("from", schema='{"format": "date-time"}'),
        parameter("night", description="Date as YYYY-MM-DD"),
        parameter("on", default='"2026-01-15"'),
        parameter("days", "array", schema='{"items": {"type": "string", "format": "date"}}'),
    ],
    ids=lambda wanted: wanted.name,
)
def test_no_day_is_known_to_whom_nobody_tells_the_date(
    said: str, wanted: Parameter, offered: OfferedNames
) -> None:
    for query, verdict in [
        (f"Which flights go to Oslo {said}?", "missing_value"),
        (f"Today is 3 March 2026. Which flights go to Oslo {said}?", "fine"),
        (f"Which flights go to Oslo on 2026-03-04, not {said}?", "fine"),
    ]:
        asked = candidate(query, (("Flights", "Search"),))
        assert verdict_of(asked, "G1", offered, parameters={SEARCH: (wanted,)}) == verdict


def test_an_api_that_knows_what_today_is_may_be_asked_for_it(offered: OfferedNames) -> None:
    wanted = parameter("date", description="YYYY-MM-DD, or today or tomorrow")
    asked = candidate("Which flights go to Oslo tonight?", (("Flights", "Search"),))
    assert verdict_of(asked, "G1", offered, parameters={SEARCH: (wanted,)}) == "fine"


NUMBERS = '{"items": {"type": "number"}, "minItems": 3}'
POINTS = '{"items": {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}}'
TRIP = (
    '{"properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"]}'
)


@pytest.mark.parametrize(
    ("wanted", "lacking", "given"),
    [
        (parameter("fares", "array", schema=NUMBERS), "Average my fares.", "Average 3, 4.5 and 7."),
        (parameter("fares", "array", schema=NUMBERS), "Average my 3 fares.", "Average 3, 4.5 and 7."),
        (parameter("fares", "array", default="[3, 4]"), "Average my fares.", "Average the fares 3 and 4."),
        (
            parameter("rows", "array", schema='{"items": {"type": "array", "items": {"type": "number"}}}'),
            "Invert my 2 x 2 table.",
            "Invert 1, 2 over 3, 4.",
        ),
        (parameter("names", "array"), "Sort the names for me.", "Sort the names Olav, Inge and Eva."),
        (parameter("names", "array"), "Sort the names for me.", "sort pear, plum and apple for me"),
        (parameter("stops", "array", schema=POINTS), "Add up what I buy.", "Add up 3 euros and 4 euros."),
        (
            parameter("trip", "object", schema=TRIP),
            "Plan a trip to Oslo.",
            "Plan a trip to Oslo of three days.",
        ),
        (parameter("document", "object"), "Check this document.", 'Check {"name": "Eva"} for me.'),
        (parameter("document", "object", default='{"a": 1}'), "Check this document.", "Check: name is Eva."),
        (parameter("host_ip"), "Where does the server stand?", "Where does 192.0.2.7 stand then?"),
        (
            parameter("id", schema='{"format": "uuid"}'),
            "Show me the order.",
            "Show me what is in the order 0f8fad5b-d9cb-469f-a165-70867728950e now.",
        ),
        (parameter("city", default='"Paris"'), "Will it rain when I go out?", "Will it rain in Oslo?"),
        (
            parameter("to", schema='{"examples": ["EUR"]}'),
            "What are prices today?",
            "What are prices in NOK?",
        ),
        (
            parameter("code", default='"FR"'),
            "Show the holidays, I ask you.",
            "Show the holidays of 'no' now.",
        ),
        (parameter("year", "integer"), "Show holidays of this year.", "Show holidays of 2026."),
    ],
)
def test_lists_and_objects_have_to_be_given_too(
    wanted: Parameter, lacking: str, given: str, offered: OfferedNames
) -> None:
    verdicts = [
        verdict_of(candidate(query, BOTH[:1]), "G1", offered, parameters={SEARCH: (wanted,)})
        for query in (lacking, given)
    ]
    assert verdicts == ["missing_value", "fine"]


@pytest.mark.parametrize(
    "query",
    [
        "2026年5月4日のオスロの天気を教えて",
        "Какая погода в Осло 4 мая 2026 года?",
        "Wie wird das Wetter am 4.5.2026?",
    ],
)
def test_values_are_heard_in_other_languages(query: str, offered: OfferedNames) -> None:
    wanted = (parameter("city", default='"Paris"'), parameter("date"), parameter("day", "integer"))
    params = InstructParams(min_words=3, language="")
    asked = candidate(query, BOTH[:1])
    assert verdict_of(asked, "G1", offered, params, parameters={SEARCH: wanted}) == "fine"


def test_one_number_is_not_given_for_several(offered: OfferedNames) -> None:
    wanted = (parameter("amount", "number"), parameter("rate", "number"), parameter("years", "integer"))
    verdicts = [
        verdict_of(candidate(query, BOTH[:1]), "G1", offered, parameters={SEARCH: wanted})
        for query in (
            "A loan of 300,000 euros over 20 years.",
            "A loan of 300,000 at 3.5 % over twenty years.",
        )
    ]
    assert verdicts == ["missing_value", "fine"]


@pytest.mark.parametrize(
    ("min_apis", "apis", "verdict"),
    [(1, BOTH[:1], "fine"), (2, BOTH[:1], "too_few_apis"), (2, BOTH, "fine"), (9, BOTH, "too_few_apis")],
)
def test_an_instruction_needs_as_many_apis_as_are_wanted(
    min_apis: int, apis: tuple[tuple[str, str], ...], verdict: str, offered: OfferedNames
) -> None:
    params = InstructParams(min_words=3, min_apis=min_apis)
    assert verdict_of(candidate(FINE, apis), "G1", offered, params) == verdict


def test_a_set_with_fewer_apis_asks_for_no_more(names: Mapping[str, NamedApi]) -> None:
    offered = OfferedNames(["Travel/flights/search"], names)
    params = InstructParams(min_words=3, min_apis=2)
    assert verdict_of(candidate(FINE, BOTH[:1]), "G1", offered, params) == "fine"


def test_another_language_can_be_wanted(offered: OfferedNames) -> None:
    german = InstructParams(min_words=3, language="de")
    asked = "Welche Flüge gehen morgen von Köln nach Oslo, und wird es dort regnen?"
    assert verdict_of(candidate(asked), "G3", offered, german) == "fine"
    assert verdict_of(candidate(FINE), "G3", offered, german) == "wrong_language"
    assert verdict_of(candidate(asked), "G3", offered, InstructParams(min_words=3, language="")) == "fine"


REFUSED = {
    "too_few_apis": (FINE, "G1", BOTH[:1]),
    "not_multi_tool": (FINE, "G2", BOTH[:1]),
    "leaks_json": ("Which flights go to Oslo? relevant_apis: flights", "G3", BOTH),
    "refusal": ("As an AI language model I have no birthday to plan in Oslo.", "G3", BOTH),
    "placeholder": ("Which flights go to [city] on Monday?", "G3", BOTH),
    "not_a_request": ("1234 5678 !!", "G3", BOTH),
    "too_short": ("Oslo flights", "G3", BOTH),
    "too_long": ("on and on " * 200, "G3", BOTH),
    "wrong_language": ("Welche Flüge gehen morgen von Köln nach Oslo, und wird es dort regnen?", "G3", BOTH),
    "names_a_tool": ("Use Sky Watch to see whether it rains", "G3", BOTH),
    "names_an_api": ("Run an Airport Search for Oslo", "G3", BOTH),
    "asks_for_parameters": ("Which parameters do you need to find flights to Oslo?", "G3", BOTH),
    "missing_value": ("Which flights then?", "G1", BOTH[:1]),
}


@pytest.mark.parametrize("name", [name for name in SCREENS if name in REFUSED])
def test_each_screen_can_be_switched_off(name: str, offered: OfferedNames) -> None:
    query, scenario, apis = REFUSED[name]
    verdicts = [
        verdict_of(
            candidate(query, apis),
            scenario,
            offered,
            InstructParams(min_words=3, min_apis=2 if name == "too_few_apis" else 1, screens={name: on}),
            {SEARCH: (parameter("departureDate"),)} if name == "missing_value" else None,
        )
        for on in (True, False)
    ]
    assert verdicts[0] == name != verdicts[1]


def test_every_screen_of_one_instruction_is_refused_for_once_above() -> None:
    assert SCREENS.keys() - REFUSED.keys() == {"no_relevant_api", "hallucinated_api"}


@pytest.mark.parametrize(
    ("screens", "told"), [({"to_short": False}, "no such screen"), ({"hallucinated_api": False}, "cannot be")]
)
def test_screens_that_cannot_be_switched_off_are_named(screens: dict[str, bool], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        InstructParams(screens=screens)


def test_reasons_are_asked_in_the_order_that_is_told() -> None:
    assert [*SCREENS, "resembles_seed", "contaminated", "duplicate", "near_duplicate"] == list(SCREEN_NAMES)


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
