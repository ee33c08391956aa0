"""How descriptions become wishes, and how values get into them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.teaching.parameter import Parameter, from_document
from sandbox.teaching.saying import Said, spoken_value
from sandbox.teaching.weaving import referred, woven
from sandbox.teaching.wording import Wish, wish_from
from sandbox.teaching.words import article_for, first_sentences, plain, stem


@pytest.mark.parametrize(
    ("description", "kind", "text"),
    [
        ("Returns the current weather for a city.", "thing", "the current weather for a city"),
        ("Get list of all matches", "thing", "a list of all matches"),
        ("List of offices for a postcode.", "thing", "a list of offices for a postcode"),
        ("Season episodes", "thing", "the season episodes"),
        ("Information about the current token holder", "thing", "information about the current token holder"),
        ("Gives you the tides. Times are UTC.", "thing", "the tides"),
        ("Converts an amount between currencies.", "deed", "convert an amount between currencies"),
        ("This endpoint lets you search for books by title", "deed", "search for books by title"),
        ("The Balance API provides a count of credits left", "thing", "a count of credits left"),
        ("Use this endpoint to check if the server is up.", "fact", "whether the server is up"),
        ("Tells how high the Sun stands.", "fact", "how high the Sun stands"),
        ("Computes and returns a date in the past.", "deed", "compute a date in the past"),
        ("Wraps a text; returns the lines.", "deed", "wrap a text and get the lines"),
        ("**Retrieve** the `user's` posts (v2 only).", "thing", "my posts"),
        ("Amortises the loan.", "deed", "amortise the loan"),
        ("Fetch data by providing a query parameter", "thing", "data"),
        (
            'This is the subfunction for tool "x". The description of this function is: "Lists all cups"',
            "thing",
            "all cups",
        ),
        ('Lists all cups. An API of the tool "Cup Board" (Kitchen).', "thing", "all cups"),
        ("Model ``GET`` endpoint: retrieve the settings.", "thing", "the settings"),
        ("[DEPRECATED] Lists the old cups", "thing", "the old cups"),
        ("Note: fast. Returns the tides.", "thing", "the tides"),
        ("Do two texts mean the same number?", "fact", "whether two texts mean the same number"),
        ("Absolutely 302 Redirects n times.", "deed", "redirect n times"),
        ("Deletes cookie(s) and redirects to the list.", "deed", "delete cookies and redirect to the list"),
        ("Gives, for every month, the first day.", "thing", "the first day for every month"),
        ("Tells whether a day is free, and shows its name.", "fact", "whether a day is free, and its name"),
        ("Encodes a text and says how long it is.", "deed", "encode a text and find out how long it is"),
        ("Checks a card, names its network.", "deed", "check a card, get its network"),
        ("Shows a code point, name and category.", "thing", "a code point, name and category"),
        ("Decodes a code; signs it does not know are left.", "deed", "decode a code"),
        ("Returns anything passed in.", "thing", "anything passed in"),
        ("", "thing", "the word of the day"),
        ("Testing", "thing", "the word of the day"),
    ],
)
def test_a_description_becomes_a_wish(description: str, kind: str, text: str) -> None:
    wish = wish_from(description, "wordOfTheDay" if kind == "thing" else "x")

    assert (wish.kind, wish.text) == (kind, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("get_buckets", "the buckets"),
        ("__heartbeat__", "the heartbeat"),
        ("GET /buckets/{id}/history", "the history"),
        ("GET /buckets/{id}", "the bucket"),
        ("GET /", "the overview"),
        ("POST /cookies/delete", "delete the cookies"),
        ("DELETE /cup/{id}", "delete cup"),
        ("deleteUser", "delete user"),
        ("/v1/{a}/{b}", "the v 1"),
    ],
)
def test_a_name_alone_becomes_a_wish(name: str, text: str) -> None:
    assert wish_from("", name).text == text


def test_a_long_description_is_cut_where_it_makes_sense() -> None:
    text = "Returns the opening hours of a museum, " + "including very many other details " * 8

    assert wish_from(text, "x").text == "the opening hours of a museum"


def parameter(name: str, kind: str = "string", **more: Any) -> Parameter:
    return from_document({"name": name, "type": kind, "required": True, "description": "", **more})


LAT, LON = parameter("lat", "number"), parameter("lon", "number")
CITY, YEAR, DAYS = parameter("city"), parameter("year", "integer"), parameter("days", "integer")


@pytest.mark.parametrize(
    ("wish", "values", "text"),
    [
        ("the holidays in a year", [(YEAR, 2027)], "the holidays in 2027"),
        ("a forecast for a number of days", [(DAYS, 5)], "a forecast for 5 days"),
        ("a forecast for a number of days", [(DAYS, 1)], "a forecast for 1 day"),
        ("the moons", [(YEAR, 2027)], "the moons in 2027"),
        ("the price", [(parameter("amount", "number"), 2.5)], "the price with an amount of 2.5"),
        (
            "a value converted from one unit to another",
            [(parameter("from_unit"), "mile"), (parameter("to_unit"), "km")],
            'a value converted from "mile" to "km"',
        ),
        (
            "the ferries",
            [(parameter("from_port"), "Cork"), (parameter("to_port"), "Brest")],
            "the ferries from Cork to Brest",
        ),
        ("the moon phases", [(parameter("after"), "2026-01-02")], "the moon phases after 2026-01-02"),
        ("the number of the beast", [], "the number of the beast"),
        ("the holidays after a day", [(parameter("after"), "2026-01-02")], "the holidays after 2026-01-02"),
        ("links on n pages", [(parameter("n", "integer"), 4)], "links on 4 pages"),
        (
            "explain a cron expression",
            [(parameter("expression"), "0 6 * * *")],
            'explain the cron expression "0 6 * * *"',
        ),
        (
            "the codes of a name: long and short",
            [(parameter("name"), "Ada")],
            "the codes of the name Ada: long and short",
        ),
        ("the tides at a place", [(LAT, 52.5), (LON, 13.4)], "the tides at latitude 52.5 and longitude 13.4"),
        (
            "encode a position as a code",
            [(LAT, 52.5), (LON, 13.4)],
            "encode the position at latitude 52.5 and longitude 13.4 as a code",
        ),
        ("the light", [(parameter("wavelength_nm", "number"), 266)], "the light with a wavelength of 266 nm"),
        ("the area", [(parameter("x", "number"), 2)], "the area with x = 2"),
        ("the debt", [(parameter("paid_months", "integer"), 12)], "the debt with 12 paid months"),
        ("the code", [(parameter("words_per_minute", "integer"), 20)], "the code with 20 words per minute"),
        (
            "what kind of address it is",
            [(parameter("address"), "1.2.3.4")],
            "what kind of address it is with the address 1.2.3.4",
        ),
        ("bytes generated with given seed", [], "bytes generated with seed"),
        ("delete cups as provided by the list", [], "delete cups as provided by the list"),
        (
            "the words, longest first",
            [(parameter("letters", "array"), ["a", "b"]), (parameter("mood"), "Calm")],
            'the words, longest first, using the mood Calm and the letters "a" and "b"',
        ),
    ],
)
def test_values_are_woven_in(wish: str, values: list[tuple[Parameter, Any]], text: str) -> None:
    assert woven(Wish("thing", wish), [Said(of, value) for of, value in values], "seed 3") == text


def test_a_named_place_takes_the_value() -> None:
    texts = {woven(Wish("thing", "the weather for a given city"), [Said(CITY, "Oslo")], n) for n in range(9)}

    assert texts == {"the weather for Oslo", "the weather for the city of Oslo"}


@pytest.mark.parametrize(
    ("text", "referring"),
    [
        (
            "the airports of a country, by name",
            "the airports of the first country that turns up there, by name",
        ),
        ("the country a number is from", None),
        ("what kind of country it is", None),
    ],
)
def test_an_earlier_result_takes_the_place_of_a_value(text: str, referring: str | None) -> None:
    assert referred(text, parameter("country")) == referring


@pytest.mark.parametrize(
    ("word", "article"),
    [
        ("apple", "an"),
        ("hour", "an"),
        ("unit", "a"),
        ("uninvited", "an"),
        ("nth", "an"),
        ("url", "a"),
        ("cup", "a"),
        ("one", "a"),
    ],
)
def test_articles(word: str, article: str) -> None:
    assert article_for(word) == article


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Oslo", "Oslo"),
        ("solar energy", '"solar energy"'),
        ("km", '"km"'),
        (-4.5, "-4.5"),
        (True, "yes"),
        ([1, -2, 3], "1, -2 and 3"),
        ("011 44 20", '"011 44 20"'),
        ("https://x.test/a?b=c", "https://x.test/a?b=c"),
    ],
)
def test_values_stand_out_in_a_sentence(value: Any, text: str) -> None:
    assert spoken_value(value, CITY) == text


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("maxResults", "maximum results"),
        ("is_from", "from"),
        ("lat", "latitude"),
        ("ISOCode", "iso code"),
        ("X-Reader-Locale", "reader locale"),
        ("x", "x"),
        ("stdev", "standard deviation"),
    ],
)
def test_names_are_spoken(name: str, spoken: str) -> None:
    assert plain(name) == spoken


@pytest.mark.parametrize(
    "words", ["convert converts converting converted", "city cities", "holiday holidays"]
)
def test_forms_of_a_word_have_one_stem(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


def test_first_sentences_stay_whole_while_they_fit() -> None:
    text = "One is here. Two is here. Three is here."

    assert [first_sentences(text, most) for most in (9, 12, 30, 99)] == [
        "One is",
        "One is here.",
        "One is here. Two is here.",
        text,
    ]
