"""What the rules write: values, instructions, shortened documents, answers."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from sandbox.teaching.answer import Finding, final_answer
from sandbox.teaching.compress import shortened
from sandbox.teaching.faults import TeacherFaults
from sandbox.teaching.functions import Function, Offers
from sandbox.teaching.instruct import instructions
from sandbox.teaching.observation import read
from sandbox.teaching.parameter import from_document
from sandbox.teaching.phrases import topic_of
from sandbox.teaching.stages import Compress, Instruct
from sandbox.teaching.values import Chooser, look

Json = dict[str, Any]
FAULTLESS = TeacherFaults.none()


def parameter(name: str, kind: str = "string", **more: Any) -> Json:
    return {"name": name, "type": kind, "required": True, "description": "", **more}


def document(tool: str, api: str, description: str, *parameters: Json, response: Any = None) -> Json:
    return {
        "tool_name": tool,
        "category": "Leisure",
        "api_name": api,
        "api_description": description,
        "parameters": list(parameters),
        "response": response,
    }


def values_of(entry: Json, n: int = 40, response: Any = None) -> set[Any]:
    of = from_document(entry)
    return {json.dumps(Chooser("seed", number, response=response).value(of)) for number in range(n)}


def test_numbers_vary_within_their_bounds() -> None:
    drawn = {json.loads(value) for value in values_of(parameter("people", "integer", default=30, maximum=40))}

    assert len(drawn) > 3
    assert all(isinstance(value, int) and 1 <= value <= 40 for value in drawn)


def test_enumerated_values_are_all_used() -> None:
    assert values_of(parameter("size", enum=["s", "m", "l"])) == {'"s"', '"m"', '"l"'}


def test_dates_are_shifted_in_their_own_form() -> None:
    drawn = {json.loads(value) for value in values_of(parameter("day", default="2026-01-15T08:00Z"))}

    assert len(drawn) > 10
    assert all(re.fullmatch(r"2026-\d\d-\d\dT08:00Z", value) for value in drawn)


def test_common_knowledge_replaces_a_shown_value_of_the_same_look() -> None:
    drawn = {json.loads(value) for value in values_of(parameter("country", default="US"))}

    assert len(drawn) > 5
    assert {look(value) for value in drawn} == {"AA"}


def test_an_example_in_the_description_counts() -> None:
    assert values_of(parameter("gadget", description="Which one, e.g. 'flux-capacitor'.")) == {
        '"flux-capacitor"'
    }


def test_an_example_in_the_response_counts() -> None:
    assert values_of(parameter("gadget_id"), response={"items": [{"gadget_id": "g7"}]}) == {'"g7"'}


def test_latitude_and_longitude_are_of_one_place() -> None:
    chooser = Chooser("seed")
    lat, lon = (chooser.value(from_document(parameter(name, "number"))) for name in ("lat", "lon"))
    other = Chooser("seed")

    assert (lat, lon) == tuple(
        other.value(from_document(parameter(name, "number"))) for name in ("latitude", "longitude")
    )


def test_what_nobody_could_know_is_left_open() -> None:
    assert values_of(parameter("zorkmid")) == {"null"}


@pytest.mark.parametrize(
    ("entry", "called", "values"),
    [
        (parameter("kite_id", "integer"), {"kite_id": 4711}, {"4711"}),
        (parameter("id"), {"id": "k-77", "other": 1}, {'"k-77"'}),
        (parameter("id", default="k-1"), {"id": "k-77"}, {'"k-1"', '"k-77"'}),
        (parameter("tail"), {"tail": "ribbon"}, {'"ribbon"'}),
    ],
)
def test_identifiers_are_ones_that_exist(entry: Json, called: Json, values: set[str]) -> None:
    of = from_document(entry)
    drawn = {json.dumps(Chooser("seed", number, called=called).value(of)) for number in range(40)}

    assert drawn == values


def test_tables_and_objects_are_pasted_in() -> None:
    points, options = [{"x": 1, "y": 2.5}, {"x": 3, "y": 4}], {"unit": "mm"}
    fit = document(
        "Ruler",
        "Fit",
        "Fits a straight line to points.",
        parameter("points", "array", items={"type": "object"}, examples=[points]),
        parameter("options", "object", examples=[options]),
    )
    ((one,), _) = instructions(Instruct([fit], n=1, min_words=10, several_tools=False), "digest", FAULTLESS)

    assert '[{"x":1,"y":2.5},{"x":3,"y":4}]' in one["query"]
    assert '{"unit":"mm"}' in one["query"]


@pytest.mark.parametrize(
    ("response", "linked"),
    [
        ({"currency": "CHF"}, True),
        ({"rates": [{"currency": "CHF"}]}, True),
        ({"currencies": ["CHF", "EUR", {"_cut": "9 more items"}]}, True),
        ({"currencies": [{"code": "CHF"}]}, False),
        ({"currency": {"code": "CHF"}}, False),
        ({"currencies": 7}, False),
    ],
)
def test_an_earlier_result_is_referred_to_where_it_holds_such_a_value(response: Json, linked: bool) -> None:
    money = document("Purse", "List Money", "Lists the money of the world.", response=response)
    facts = document("Purse", "Money Facts", "Returns the facts of a currency.", parameter("currency"))
    both = instructions(Instruct([money, facts], n=9, min_words=10, several_tools=False), "digest", FAULTLESS)

    referring = [one for one in both[0] if "that turns up there" in one["query"]]
    assert bool(referring) == linked


KITES = document(
    "Kite Shop",
    "Search Kites",
    "Searches for kites up to a price.",
    parameter("max_price", "number", default=40),
    response={"kites": [{"sku": "K1", "price": 3}]},
)
KITE = document("Kite Shop", "Kite Details", "Returns span and stock of one kite.", parameter("sku"))
TIDES = document(
    "Tide Desk", "High Water", "Returns the tides on a day.", parameter("day", default="2026-03-14")
)
OTHERS = [
    document("Cup Board", "All Cups", "Lists every cup on the shelf with its glaze."),
    document(
        "Bell Tower", "Bells", "Tells which bells ring on days.", parameter("day", default="2026-03-14")
    ),
    document(
        "Seed Shop", "Sowing", "Returns the best weeks to sow a plant.", parameter("plant", default="kale")
    ),
]
TASK = Instruct([KITES, KITE, TIDES], n=60, min_words=30, several_tools=False)


def written(task: Instruct, faults: TeacherFaults = FAULTLESS) -> list[Json]:
    return instructions(task, "digest", faults)[0]


def test_as_many_instructions_as_asked_for_none_twice() -> None:
    queries = [instruction["query"] for instruction in written(TASK)]

    assert len(queries) == len(set(queries)) == 60


def test_instructions_are_long_enough_and_most_are_no_essays() -> None:
    lengths = sorted(len(instruction["query"].split()) for instruction in written(TASK))

    assert lengths[0] >= 30
    assert lengths[48] <= 70
    assert lengths[-1] - lengths[0] >= 20


def test_only_listed_apis_are_named_and_each_is_used() -> None:
    named = Counter(tuple(api) for instruction in written(TASK) for api in instruction["relevant_apis"])

    assert set(named) == {
        ("Kite Shop", "Search Kites"),
        ("Kite Shop", "Kite Details"),
        ("Tide Desk", "High Water"),
    }
    assert min(named.values()) >= 10


def test_between_one_and_four_apis_without_repetition() -> None:
    sizes = [[tuple(api) for api in instruction["relevant_apis"]] for instruction in written(TASK)]

    assert {len(apis) for apis in sizes} == {1, 2, 3}
    assert all(len(apis) == len(set(apis)) for apis in sizes)


def test_several_tools_are_combined_where_asked() -> None:
    for instruction in written(replace(TASK, several_tools=True)):
        assert {tool for tool, _ in instruction["relevant_apis"]} == {"Kite Shop", "Tide Desk"}


def test_neither_tools_nor_apis_are_named() -> None:
    text = " ".join(instruction["query"] for instruction in written(TASK))

    assert not re.search(r"Kite Shop|Tide Desk|Search Kites|Kite Details|High Water|\bAPI\b|\{|\}", text)


def test_forms_of_sentences_vary() -> None:
    queries = [instruction["query"] for instruction in written(TASK)]

    assert len({query.split()[0] for query in queries}) >= 10
    assert {query.rstrip('"')[-1] for query in queries} >= {".", "?", "!"}


def test_one_result_feeds_the_next_in_some() -> None:
    linked = [
        instruction["relevant_apis"]
        for instruction in written(TASK)
        if re.search(r"\bsku (?:from|that)\b|the sku from", instruction["query"])
    ]

    assert linked
    assert all(
        apis.index(["Kite Shop", "Search Kites"]) < apis.index(["Kite Shop", "Kite Details"])
        for apis in linked
    )


def test_what_is_fed_comes_right_after_what_feeds_it() -> None:
    for instruction in written(TASK):
        names = [name for _, name in instruction["relevant_apis"]]
        if {"Search Kites", "Kite Details"} <= set(names):
            assert names.index("Kite Details") == names.index("Search Kites") + 1


def test_nothing_is_left_to_fill_in() -> None:
    text = " ".join(instruction["query"] for instruction in written(TASK))

    assert re.findall(r"[{}]|\b(?:an? )?(?:a|an) (?:a|an|the)\b|  ", text) == []


def test_no_sentence_begins_alike_within_an_instruction() -> None:
    task = Instruct([KITES, TIDES, *OTHERS], n=40, min_words=30, several_tools=True)
    openings = [
        [" ".join(sentence.split()[:4]) for sentence in re.split(r"(?<=[.!?]) ", one["query"])]
        for one in written(task)
    ]

    assert [sentences for sentences in openings if len(set(sentences)) < len(sentences)] == []


def test_people_and_occasions_stay_the_same_within_an_instruction() -> None:
    relatives = ("sister", "uncle", "mother-in-law", "cousin", "grandfather", "aunt", "wife", "husband")
    said = [
        {one for one in relatives if re.search(rf"\bmy {one}\b", query["query"], re.IGNORECASE)}
        for query in written(replace(TASK, n=120))
    ]

    assert {len(one) for one in said} == {0, 1}


def test_a_part_of_the_instructions_is_a_numbered_list() -> None:
    task = Instruct([TIDES, *OTHERS], n=40, min_words=30, several_tools=True)
    listed = [one["query"] for one in written(task) if "(1)" in one["query"]]

    assert 4 <= len(listed) <= 25
    assert all(re.search(r"\(1\) .+; \(2\) .+\.", query) for query in listed)


@pytest.mark.parametrize(
    ("category", "tool", "topic"),
    [
        ("Astronomy", "Star Atlas", "astronomy"),
        ("Developer", "Cron", "software development"),
        ("Other", "Cups", ""),
        ("httpbin.org", "httpbin.org", ""),
        ("Weather & Sea", "Weather Desk", ""),
        ("", "Cups", ""),
    ],
)
def test_a_topic_is_what_one_can_speak_about(category: str, tool: str, topic: str) -> None:
    assert topic_of(category, tool) == topic


def test_lists_take_other_values_of_the_same_kind() -> None:
    zones = ["Europe/Berlin", "Asia/Kolkata"]
    drawn = values_of(parameter("zones", "array", default=zones, items={"type": "string"}))
    words = values_of(parameter("gizmos", "array", default=["bolt", "nut"], items={"type": "string"}))
    counts = values_of(parameter("counts", "array", default=[3, 4], items={"type": "integer"}))

    assert len(drawn) > 10
    assert {len(json.loads(value)) for value in drawn} == {2}
    assert words == {'["bolt", "nut"]'}
    assert counts == {"[3, 4]", "[6, 8]", "[9, 12]", "[12, 16]"}


def test_running_text_is_replaced_by_other_running_text() -> None:
    drawn = values_of(parameter("text", default="It was a bright cold day in April."))

    assert len(drawn) > 5
    assert all(value.count(" ") >= 4 for value in drawn)


@pytest.mark.parametrize(
    ("flaw", "shows"),
    [
        ("hallucinated_api", lambda one: one["relevant_apis"][-1][1].endswith(" Details Details")),
        ("short_instruction", lambda one: len(one["query"].split()) <= 9),
        ("names_tool", lambda one: one["query"].startswith("Use Kite Shop for this.")),
    ],
)
def test_flaws_are_built_in_at_their_rate(flaw: str, shows: Any) -> None:
    task = replace(TASK, documents=[KITE])
    rates = replace(FAULTLESS, **{flaw: 0.3})  # type: ignore[arg-type]

    flawed = sum(map(shows, written(task, rates)))

    assert 9 <= flawed <= 27
    assert instructions(task, "digest", rates)[1] == (flaw,) * flawed


def test_near_duplicates_repeat_earlier_ones_nearly() -> None:
    rates = replace(FAULTLESS, near_duplicate=1.0)
    queries = [instruction["query"] for instruction in written(replace(TASK, n=3), rates)]

    assert {query.removesuffix(" Thank you.").replace("Please do ", "Please ") for query in queries} == {
        queries[0]
    }


def test_odd_documents_do_no_harm() -> None:
    odd: list[Json] = [
        {},
        {"tool_name": None, "api_name": 7, "api_description": None, "parameters": None},
        {
            "tool_name": "T",
            "api_name": "A",
            "parameters": ["x", {}, {"name": "o", "type": "object", "required": True}],
        },
        {
            "tool_name": "T",
            "api_name": "",
            "api_description": "...",
            "parameters": [{"name": "", "type": ["null"]}],
        },
    ]

    assert len(written(Instruct(odd, n=8, min_words=30, several_tools=True))) == 8


LISTING = {
    "count": 2,
    "debug": {"trace": "x" * 400},
    "flats": [
        {
            "id": 7,
            "title": "Loft",
            "rent": 900,
            "photo_url": "https://x.test/" + "a" * 90,
            "text": "word " * 40,
        },
        {
            "id": 9,
            "title": "Studio",
            "rent": 700,
            "photo_url": "https://x.test/" + "b" * 90,
            "text": "word " * 40,
        },
    ],
}
SHAPE = {
    "count": "integer",
    "debug": {"trace": "string"},
    "flats": [
        {"id": "integer", "title": "string", "rent": "integer", "photo_url": "string", "text": "string"}
    ],
}
FLATS = document("Flats", "Search", "Finds flats to rent. " + "We are the market leader. " * 30)


def test_a_short_budget_keeps_what_tells_most() -> None:
    reply = shortened(Compress(FLATS, LISTING, SHAPE, max_tokens=330))

    assert reply["keep"] == ["count", "flats[].id", "flats[].title", "flats[].rent"]
    assert reply["description"].startswith("Finds flats to rent. We are")
    assert len(reply["description"]) <= 400


def test_a_generous_budget_keeps_everything() -> None:
    assert len(shortened(Compress(FLATS, LISTING, SHAPE, max_tokens=4000))["keep"]) == 7


def test_the_elements_of_a_list_keep_what_names_them() -> None:
    days = [{"name": f"day {number}", "week": number} for number in range(365)]
    shape = {"year": "integer", "days": [{"name": "string", "week": "integer"}]}

    kept = shortened(Compress(FLATS, {"year": 2026, "days": days}, shape, max_tokens=1200))["keep"]

    assert kept == ["year", "days[].name", "days[].week"]


def test_what_the_words_promise_is_kept_whatever_it_takes() -> None:
    rows = [{"id": n, "title": "word " * 90, "latitude": n, "longitude": n} for n in range(3)]
    shape = {"rows": [{"id": "integer", "title": "string", "latitude": "number", "longitude": "number"}]}
    titles = document("Flats", "Search", "Lists titles, and the latitude of each.")

    kept = shortened(Compress(titles, {"rows": [*rows, {"_cut": "9 more items"}]}, shape, max_tokens=100))

    assert kept["keep"] == ["rows[].title", "rows[].latitude", "rows[].longitude"]


def test_a_hopeless_budget_keeps_the_smallest_key_or_what_is_promised() -> None:
    told = document("Flats", "Search", "Finds homes.")

    assert shortened(Compress(told, LISTING, SHAPE, max_tokens=10))["keep"] == ["count"]
    assert shortened(Compress(FLATS, LISTING, SHAPE, max_tokens=10))["keep"] == ["flats[].rent"]


@pytest.mark.parametrize(
    ("response", "shape", "keep"),
    [
        ([{"name": "a", "n": [1, 2]}], [{"name": "string", "n": ["integer"]}], ["[].name", "[].n"]),
        ({"a": {}, "b": []}, {"a": {}, "b": []}, ["a", "b"]),
        (None, "null", []),
    ],
)
def test_paths_follow_the_shape(response: Any, shape: Any, keep: list[str]) -> None:
    assert shortened(Compress(FLATS, response, shape, max_tokens=2048))["keep"] == keep


def function(name: str, description: str, **properties: Json) -> Function:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return Offers().of([{"name": name, "description": description, "parameters": schema}]).functions[0]


WEATHER = function("weather", "Returns the weather of a city.", city={"type": "string"})
CONVERT = function("convert", "Converts an amount.", amount={"type": "number"})


def finding(of: Function, arguments: Json, body: Any) -> Finding:
    return Finding(of, arguments, read(json.dumps(body)))


def test_an_answer_states_the_values_observed() -> None:
    body = {"city": "Oslo", "temperature": -3.5, "sky": {"cover_percent": 80}, "icon": "https://x.test/i.png"}

    assert final_answer([finding(WEATHER, {"city": "Oslo"}, body)], [], 0) == (
        "Concerning the weather of the city of Oslo, the temperature is -3.5 and the sky cover percent is 80."
    )


def test_an_answer_lists_the_first_entries() -> None:
    body = {
        "days": [{"day": f"2026-01-0{n}", "rain_mm": n} for n in range(1, 8)] + [{"_cut": "23 more items"}]
    }

    assert final_answer([finding(WEATHER, {"city": "Oslo"}, body)], [], 0) == (
        "Concerning the weather of the city of Oslo, there are 30 days, among them 2026-01-01 (rain mm 1), "
        "2026-01-02 (rain mm 2), 2026-01-03 (rain mm 3), 2026-01-04 (rain mm 4) and 2026-01-05 (rain mm 5)."
    )


def test_an_answer_says_what_is_missing_and_why() -> None:
    answer = final_answer([finding(CONVERT, {"amount": 5}, {"result": 4.2})], [(WEATHER, "timeout")], 0)

    assert answer == (
        "These are the findings. Asked to convert an amount of 5, I found that the result is 4.2. "
        "I could not obtain the weather of a city: timeout."
    )
