import json
from collections.abc import Callable
from typing import Any

import pytest

from tasks.probing.arguments import Fault, Found, Trials
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]


def required(json_type: str, default: Any = None, **schema: Any) -> dict[str, Any]:
    return {
        "name": "xyzzy",
        "required": True,
        "type": json_type,
        "default": None if default is None else json.dumps(default),
        "schema": json.dumps(schema) if schema else None,
    }


def named(name: str, json_type: str = "string", **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": json_type, "required": True, **fields}


def tries(api: Api, n: int, found: Found | None = None, *, gone: bool = False) -> list[dict[str, Any]]:
    """What is tried one after the other when nothing ever serves."""
    trials, faults = Trials(api), list[Fault]()
    for _ in range(n):
        faults.append(Fault(trials.arguments(faults, found or Found()), gone=gone))
    return [dict(fault.arguments) for fault in faults]


def first_three(api: Api, **found: Any) -> list[dict[str, Any]]:
    return tries(api, 3, Found(**found))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (required("string", "Oslo", enum=["Bergen"]), "Oslo"),
        (required("string", example="Oslo"), "Oslo"),
        (required("string", examples=["Oslo", "Bergen"]), "Oslo"),
        (required("string", enum=["metric", "imperial"]), "metric"),
        (required("string", ""), "test"),
        (required("string"), "test"),
        (required("string", format="date"), "2024-01-15"),
        (required("string", format="email"), "someone@example.com"),
        (required("string", format="uuid"), "123e4567-e89b-42d3-a456-426614174000"),
        (required("string", format="uri"), "https://example.com"),
        (required("string", format="ip"), "8.8.8.8"),
        (required("string", format="unheard-of"), "test"),
        (required("string", minLength=6), "testaa"),
        (required("string", maxLength=2), "te"),
        (required("string", minLength=10**9), "test" + "a" * 96),
        (required("integer"), 1),
        (required("integer", 0), 0),
        (required("integer", minimum=10, maximum=20), 10),
        (required("integer", maximum=-5), -5),
        (required("integer", exclusiveMinimum=1), 2),
        (required("integer", minimum=1.5), 2),
        (required("integer", minimum=7, multipleOf=5), 10),
        (required("integer", minimum=9007199254740993001), 9007199254740993001),
        (required("integer", minimum=9007199254740993001, multipleOf=1000), 9007199254740994000),
        (required("number", maximum=10**400), 1),
        (required("integer", multipleOf=1e-300), 1),
        (required("number", minimum=-90, maximum=90), 1),
        (required("number", minimum=2.5), 2.5),
        (required("number", exclusiveMinimum=0, maximum=0.5), 0.5),
        (required("number", exclusiveMinimum=True, minimum=3), 3),
        (required("boolean"), True),
        (required("boolean", False), False),
        (required("array"), ["test"]),
        (required("array", items={"type": "integer", "minimum": 3}, minItems=2), [3, 3]),
        (required("array", items={"format": "date"}), ["2024-01-15"]),
        (required("object"), {}),
        (
            required(
                "object",
                properties={"a": {"type": "integer"}, "b": {"enum": ["x"]}, "c": {"type": "string"}},
                required=["a", "b"],
            ),
            {"a": 1, "b": "x"},
        ),
        (required("array", items={"type": "array", "items": {"type": "array", "items": {}}}), [[["test"]]]),
        (required("string", enum="broken", examples={"also": "broken"}), "test"),
    ],
)
def test_a_required_parameter_always_has_a_value(
    make_api: MakeApi, parameter: dict[str, Any], value: Any
) -> None:
    assert Trials(make_api(parameter)).arguments() == {"xyzzy": value}


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (named("city"), ["New York", "London", "Paris"]),
        (named("countryCode"), ["US", "GB", "FR"]),
        (named("country_name"), ["United States", "United Kingdom", "France"]),
        (named("zipcode"), ["10001", "SW1A 1AA", "75001"]),
        (named("zip", "integer"), [10001, 90210, 75001]),
        (named("zip", schema='{"pattern": "^[0-9]{5}$"}'), ["10001", "75001"]),
        (named("country", schema='{"maxLength": 2}'), ["US", "GB", "FR"]),
        (named("Symbol"), ["AAPL", "MSFT", "GOOGL"]),
        (named("language"), ["en", "fr", "es"]),
        (named("locale"), ["en_US", "en-GB", "fr_FR"]),
        (named("timezone"), ["America/New_York", "Europe/London", "Europe/Paris"]),
        (named("currency"), ["USD", "EUR", "GBP"]),
        (named("email"), ["someone@example.com", "info@example.org", "jane.doe@example.net"]),
        (named("phoneNumber"), ["+14155552671", "+442083661177", "14155552671"]),
        (named("websiteUrl"), ["https://www.wikipedia.org", "https://example.com", "https://www.python.org"]),
        (named("ip"), ["8.8.8.8", "1.1.1.1", "9.9.9.9"]),
        (named("isbn"), ["9780140328721", "9780261103573", "0140328726"]),
        (named("hex_color"), ["FF5733", "red", "#3366CC"]),
        (named("q"), ["music", "london", "science"]),
        (named("username"), ["nasa", "github", "google"]),
        (named("year", "integer"), [2023, 2024, 2020]),
        (named("year"), ["2023", "2024", "2020"]),
        (named("month", "integer"), [1, 6, 11]),
        (named("latitude", "number"), [40.7128, 51.5074, 48.8566]),
        (named("page", "integer"), [1, 2, 0]),
        (named("limit", "integer", schema='{"maximum": 8}'), [8, 5]),
        (named("symbols", "array"), [["AAPL"], ["MSFT"], ["GOOGL"]]),
        (named("start", schema='{"format": "date-time"}'), ["2024-01-01T00:00:00Z", "2023-06-01T00:00:00Z"]),
        (named("end", schema='{"format": "date"}'), ["2024-01-31", "2023-06-30", "2020-03-15"]),
        (named("date", schema='{"format": "uuid"}'), ["123e4567-e89b-42d3-a456-426614174000"]),
        (named("city", "boolean"), [True, False]),
        (named("date_format"), ["json", "JSON", "text"]),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_a_name_suggests_values_and_each_try_has_another(
    make_api: MakeApi, parameter: dict[str, Any], values: list[Any]
) -> None:
    api = make_api(parameter, api_id="Things/box/open", api_name="Open")
    assert [arguments[parameter["name"]] for arguments in tries(api, len(values))] == values


@pytest.mark.parametrize(
    ("name", "about", "value"),
    [
        ("from", "Converts an amount between currencies", "USD"),
        ("to", "Converts an amount between currencies", "EUR"),
        ("to", "Translates a text", "es"),
        ("to", "Finds flights between airports", "LHR"),
        ("to", "Lists events", "2024-01-31"),
        ("symbol", "Price of a cryptocurrency", "BTC"),
        ("query", "Finds movies", "Inception"),
        ("name", "Guesses the gender of a person", "Michael"),
        ("code", "Facts about a country", "US"),
    ],
)
def test_a_name_means_what_its_surroundings_say(make_api: MakeApi, name: str, about: str, value: str) -> None:
    api = make_api(named(name), description=about, api_id="Things/box/open", api_name="Open")
    assert Trials(api).arguments() == {name: value}


@pytest.mark.parametrize(
    ("json_type", "description", "values"),
    [
        ("string", 'A harbour, e.g. "Brest"', ["Brest"]),
        ("string", "A harbour (for example Le Havre)", ["Le Havre"]),
        ("string", "e.g. the name of a harbour", ["test"]),
        ("string", "How to sort. One of: newest, oldest", ["newest", "oldest"]),
        ("string", "Possible values are wet|dry", ["wet", "dry"]),
        ("integer", "Its number, such as 4711.", [4711]),
        ("integer", "e.g. none", [1]),
    ],
)
def test_a_description_may_show_values(
    make_api: MakeApi, json_type: str, description: str, values: list[Any]
) -> None:
    api = make_api(named("xyzzy", json_type, description=description))
    assert [arguments["xyzzy"] for arguments in tries(api, len(values))] == values


def test_values_of_one_try_go_together(make_api: MakeApi) -> None:
    api = make_api(
        named("city"), named("country"), named("lat", "number"), named("lng", "number"), named("tz")
    )
    assert first_three(api) == [
        {"city": "New York", "country": "US", "lat": 40.7128, "lng": -74.006, "tz": "America/New_York"},
        {"city": "London", "country": "GB", "lat": 51.5074, "lng": -0.1278, "tz": "Europe/London"},
        {"city": "Paris", "country": "FR", "lat": 48.8566, "lng": 2.3522, "tz": "Europe/Paris"},
    ]


@pytest.mark.parametrize(
    ("low", "high", "arguments"),
    [
        (named("start_date"), named("end_date"), {"start_date": "2024-01-01", "end_date": "2024-01-31"}),
        (
            named("start_date", default='"2025-03-01"'),
            named("end_date"),
            {"start_date": "2025-03-01", "end_date": "2025-03-01"},
        ),
        (
            named("start_date"),
            named("end_date", default='"2019-03-01"'),
            {"start_date": "2019-03-01", "end_date": "2019-03-01"},
        ),
        (named("minPrice", "number"), named("maxPrice", "number"), {"minPrice": 1, "maxPrice": 100}),
        (
            named("minPrice", "number", schema='{"minimum": 200}'),
            named("maxPrice", "number"),
            {"minPrice": 100, "maxPrice": 200},
        ),
        (
            named("from", "integer", default="9"),
            named("to", "integer", default="3"),
            {"from": 9, "to": 3},
        ),
        (named("date_from"), named("to", "integer"), {"date_from": "2024-01-01", "to": 1706659200}),
    ],
)
def test_pairs_are_the_right_way_round_and_documented_values_stay(
    make_api: MakeApi, low: dict[str, Any], high: dict[str, Any], arguments: dict[str, Any]
) -> None:
    assert Trials(make_api(low, high)).arguments() == arguments


def test_further_tries_add_optional_parameters_and_go_through_documented_values(make_api: MakeApi) -> None:
    api = make_api(
        {"name": "Unit", "arg_name": "unit", "location": "path", "schema": '{"enum": ["m", "km"]}'},
        {"name": "days", "type": "integer", "default": "3"},
        {"name": "undocumented"},
    )
    assert tries(api, 5) == [
        {"unit": "m"},
        {"unit": "m", "days": 3},
        {"unit": "km"},
        {"unit": "km", "days": 3},
        {"unit": "m"},
    ]


def test_optional_parameters_that_only_a_name_explains_come_last(make_api: MakeApi) -> None:
    api = make_api({"name": "city"}, {"name": "units", "default": '"metric"'})
    assert first_three(api) == [{}, {"units": "metric"}, {"city": "New York", "units": "metric"}]


def test_after_the_documented_values_come_known_ones_unless_no_others_are_valid(make_api: MakeApi) -> None:
    free = make_api(named("city", default='"Oslo"'))
    assert first_three(free) == [{"city": "Oslo"}, {"city": "London"}, {"city": "Paris"}]
    closed = make_api(named("city", default='"Oslo"', schema='{"enum": ["Oslo"]}'))
    assert first_three(closed) == [{"city": "Oslo"}] * 3


def test_identifiers_of_siblings_come_before_known_values_and_after_documented_ones(
    make_api: MakeApi,
) -> None:
    found = [{"petId": 7, "visit": "a"}, {"petId": 9, "visit": "b"}]
    pet, visit = named("petId", "integer", location="path"), named("visit", location="path")
    assert first_three(make_api(pet, visit), siblings=found, last="visit") == [
        {"petId": 7, "visit": "a"},
        {"petId": 9, "visit": "b"},
        {"petId": 7, "visit": "test"},  # there are no more visits; the pet is still one that there is
    ]
    documented = make_api(pet | {"default": "5"})
    assert first_three(documented, siblings=found, last="petId") == [{"petId": 5}, {"petId": 7}, {"petId": 9}]


def test_found_values_stay_while_another_goes_on_guessing(make_api: MakeApi) -> None:
    api = make_api(named("pet", location="path"), named("xyzzy", location="path"))
    assert first_three(api, siblings=[{"pet": "rex"}], last="xyzzy") == [
        {"pet": "rex", "xyzzy": "test"},
        {"pet": "rex", "xyzzy": "example"},
        {"pet": "rex", "xyzzy": "1"},
    ]


def test_after_the_only_found_value_come_others(make_api: MakeApi) -> None:
    api = make_api(named("petId", "integer", location="path"))
    tried = first_three(api, siblings=[{"petId": 2}], last="petId")
    assert [arguments["petId"] for arguments in tried] == [2, 1, 100]


def test_what_is_not_there_is_not_asked_for_again_with_other_options(make_api: MakeApi) -> None:
    api = make_api(named("city"), {"name": "days", "type": "integer", "default": "3"})
    assert tries(api, 2) == [{"city": "New York"}, {"city": "New York", "days": 3}]
    assert tries(api, 3, gone=True) == [{"city": "New York"}, {"city": "London"}, {"city": "Paris"}]


def test_a_guess_is_given_up_at_the_first_fault(make_api: MakeApi) -> None:
    api = make_api(named("xyzzy"), {"name": "days", "type": "integer", "default": "3"})
    assert first_three(api) == [{"xyzzy": "test"}, {"xyzzy": "example", "days": 3}, {"xyzzy": "1", "days": 3}]
    found = {"siblings": [{"xyzzy": "plugh"}], "last": "xyzzy"}
    assert first_three(api, **found)[:2] == [{"xyzzy": "plugh"}, {"xyzzy": "plugh", "days": 3}]


def test_what_somebody_wrote_down_is_all_that_is_tried(make_api: MakeApi) -> None:
    api = make_api(
        named("city", default='"Oslo"'), {"name": "lang"}, {"name": "page", "type": "integer", "default": "3"}
    )
    trials, faults = Trials(api, {"city": ["Ghent"], "lang": ["nl", "fr"]}), list[Fault]()
    for _ in range(3):
        faults.append(Fault(trials.arguments(faults, Found([{"city": "Bruges"}], "city")), gone=True))
    assert [fault.arguments for fault in faults] == [
        {"city": "Ghent", "lang": "nl"},
        {"city": "Ghent", "lang": "nl", "page": 3},
        {"city": "Ghent", "lang": "fr"},
    ]


def test_what_a_model_guessed_stands_in_for_what_nothing_else_tells(make_api: MakeApi) -> None:
    api = make_api(named("xyzzy"), named("city"))
    found = Found(guessed={"xyzzy": "plugh", "city": "Ghent"})
    assert Trials(api).arguments(found=found) == {"xyzzy": "plugh", "city": "New York"}


def test_required_parameters_that_nothing_fills_well_are_told(make_api: MakeApi) -> None:
    api = make_api(
        named("xyzzy"),
        named("plugh", "integer"),
        named("bounded", "integer", schema='{"minimum": 1, "maximum": 9}'),
        named("flag", "boolean"),
        named("city"),
        named("shown", default='"a"'),
        named("petCode", location="path"),
        {"name": "optional"},
    )
    assert Trials(api).unfilled() == ("xyzzy", "plugh", "petCode")
    assert Trials(api).unfilled(Found(siblings=[{"petCode": 1}])) == ("xyzzy", "plugh")


def test_a_schema_made_to_keep_us_busy_costs_little(make_api: MakeApi) -> None:
    nested: dict[str, Any] = {"type": "string"}
    for _ in range(6):
        nested = {"type": "array", "minItems": 10**9, "items": nested}
    api = make_api(
        named("city", schema=json.dumps({"pattern": "^(a+)+$", "enum": None})),
        named("town", schema=json.dumps({"pattern": ".*.*.*.*.*.*.*.*x"})),
        named("many", schema=json.dumps({"examples": ["x"] * 100_000})),
        named("deep", "array", schema=json.dumps(nested)),
        named("told", description="e.g. " * 300_000),
    )
    assert len(json.dumps(Trials(api).arguments())) < 200_000
