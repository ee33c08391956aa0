"""Keys that a description promises, and shortenings that break the promise."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.text_budget.promises import broken_promise, named_keys
from tasks.text_budget.shape import Shape, keep_paths, shape_of

RATES = shape_of({"amount": 1, "table": [{"year": 1, "values": [{"rate": 2, "value": 3}]}], "total": 9})
STOPS = shape_of({"stops": [{"stopName": "A", "lat": 1, "lon": 2, "hex": "ff", "start": 1, "end": 2}]})


@pytest.mark.parametrize(
    ("description", "shape", "named"),
    [
        (
            "Tabulates values year by year.",
            RATES,
            ("table[].year", "table[].values", "table[].values[].value"),
        ),
        ("The rates and the total.", RATES, ("table[].values[].rate", "total")),
        ("The total for an amount.", RATES, ("total",)),  # what was asked is no promise
        ("Stop names with their latitude.", STOPS, ("stops", "stops[].stopName", "stops[].lat")),
        ("Colours as hexadecimal codes.", STOPS, ("stops[].hex",)),
        ("Everything there is.", STOPS, ()),
        ("A name, and where to stop.", STOPS, ("stops",)),  # no "stop name"
        ("Data as text.", shape_of({"data": {"id": 1}, "text": ""}), ("text",)),
        ("Countries and cities.", shape_of([{"country": "", "city": ""}]), ("[].country", "[].city")),
        ("Rain and length of days.", shape_of({"rain_mm": 1, "dayLengthMinutes": 9, "mm": 2}), ("rain_mm",)),
        ("Recipes, with the area.", shape_of({"recipe 1": 1, "area_m2": 2}), ("area_m2",)),
        ("Says hello.", "string", ()),
    ],
)
def test_keys_that_a_description_names(description: str, shape: Shape, named: tuple[str, ...]) -> None:
    assert named_keys(description, shape, {"amount"}) == named


@pytest.mark.parametrize(
    ("description", "shape", "keep", "broken"),
    [
        ("The value at several rates.", RATES, ["table[].values[].rate"], "drops: table[].values[].value;"),
        ("The value at several rates.", RATES, ["table[].values"], None),
        ("A table for an amount.", RATES, ["table"], None),
        (
            "Stops with their position.",
            STOPS,
            ["stops[].stopName", "stops[].lat"],
            "lat` without `stops[].lon",
        ),
        ("Stops.", STOPS, ["stops[].stopName", "stops[].end"], "`stops[].end` without `stops[].start`"),
        ("Stops.", STOPS, ["stops[].stopName"], None),
        ("Temperatures.", {"now": {"temp": "number"}, "then": {"temp": "number"}}, ["now"], None),
        (
            "Temperatures.",
            {"now": {"temp": "number"}, "temp": "number", "x": "integer"},
            ["x"],
            "now.temp, temp",
        ),
    ],
)
def test_what_a_shortening_must_keep(
    description: str, shape: Shape, keep: list[str], broken: str | None
) -> None:
    said: Any = broken_promise(description, "", shape, keep_paths(shape, keep), {"amount"})
    assert said is None if broken is None else broken in said


def test_not_every_promise_of_the_long_description_may_go() -> None:
    before = "The value of a fund by year, at several rates."
    kept = keep_paths(RATES, ["total"])
    assert broken_promise("A fund.", before, RATES, kept) == (
        "`keep` drops every key that the document promises: "
        "table[].year, table[].values, table[].values[].rate, table[].values[].value"
    )
    assert broken_promise("A fund.", before, RATES, keep_paths(RATES, ["table[].year"])) is None
