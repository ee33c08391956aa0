"""The APIs that work: real answers, and helpful refusals."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
import requests

from sandbox import catalogue
from sandbox.arguments import InvalidArgument, arguments_of
from sandbox.declare import Api, Refusal, Tool
from sandbox.faults import Fault
from sandbox.listing import tool_id

APIS = [(tool, api) for tool in catalogue.tools() for api in tool.apis]


def call(hub: str, tool: Tool, api: Api, arguments: dict[str, Any]) -> requests.Response:
    """Calls an API the way a client does that knows only the listing."""
    parameters = arguments_of(api)
    places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "body": {}}
    for name, value in arguments.items():
        places[parameters.location(name)][name] = value
    path = api.path
    for name, value in places["path"].items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    query = {name: json.dumps(v) if isinstance(v, (bool, dict)) else v for name, v in places["query"].items()}
    return requests.request(
        api.method,
        hub + path,
        params=query,
        headers={"Host": f"{tool.slug}.sandbox.test", **places["header"]},
        json=places["body"] or None,
        timeout=30,
    )


@pytest.mark.parametrize("tool", catalogue.tools(), ids=lambda tool: tool.slug)
def test_working_apis_answer_as_their_examples_say(hub: str, tool: Tool) -> None:
    listed = requests.get(f"{hub}/tools/{tool_id(tool)}", timeout=30).json()["apis"]
    examples = {entry["name"]: entry["example_response"] for entry in listed}
    for api in (api for api in tool.apis if api.fault is None):
        for optional in (False, True):  # the required arguments alone, and all defaults spelt out
            response = call(hub, tool, api, arguments_of(api).examples(optional=optional))

            assert response.status_code == 200, response.text
            assert response.headers["Content-Type"] == "application/json"
            assert response.json() == examples[api.name]


def test_extreme_arguments_are_answered_or_refused() -> None:
    for tool, api in APIS:
        arguments = arguments_of(api)
        for name, schema in arguments.schemas.items():
            for value in extremes(schema):
                with suppress(Refusal, InvalidArgument):
                    answer = arguments.compute(arguments.examples() | {name: value})
                    assert json.dumps(answer, allow_nan=False) != "{}", (tool.slug, name, value)


def extremes(schema: dict[str, Any]) -> list[Any]:
    found: list[Any] = [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
    found += schema.get("enum", [])
    if schema["type"] == "string" and "enum" not in schema:
        found += ["", "?", "a", "AAA", "/", "\u03a9", "0", "(", "-1", "%", "2026-01-01", "12 34", "x" * 100]
        found += ["1900-01-01", "2100-12-31", "ZZ", "US", "zh-TW", "::1", "UTC", "*/5 * * * *"]
    if schema["type"] == "array":
        item = schema["items"]
        found += [[], [value] if (value := item.get("minimum")) is not None else [""], [None], [[]]]
    return found


def test_a_missing_argument_is_named(hub: str) -> None:
    response = requests.get(f"{hub}/apis/airport-finder/search", timeout=30)

    assert response.status_code == 400
    assert response.json() == {
        "error": {
            "code": "missing_argument",
            "message": "parameter 'query' is missing",
            "parameter": "query",
        }
    }


def test_required_arguments_are_required() -> None:
    for tool, api in APIS:
        arguments, examples = arguments_of(api), arguments_of(api).examples()
        for name in sorted(arguments.required - arguments.in_path):
            with pytest.raises(InvalidArgument) as refused:
                arguments.compute({key: value for key, value in examples.items() if key != name})
            assert (refused.value.status, refused.value.parameter) == (400, name), tool.slug


def test_computing_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("an API opened a socket")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)

    answers = [arguments_of(api).compute(arguments_of(api).examples()) for _, api in APIS]

    assert all(answers)


ANSWERS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "unit-converter",
        "/convert?value=5&from=kilometer&to=mile&digits=4",
        {
            "value": 5.0,
            "from": "kilometer",
            "to": "mile",
            "result": 3.107,
            "symbol": "mi",
            "formatted": "3.107 mi",
        },
    ),
    (
        "calendar-facts",
        "/easter/2026",
        {
            "year": 2026,
            "rite": "western",
            "ash_wednesday": "2026-02-18",
            "good_friday": "2026-04-03",
            "easter": "2026-04-05",
            "ascension": "2026-05-14",
            "pentecost": "2026-05-24",
        },
    ),
    (
        "calendar-facts",
        "/day/2000-02-29",
        {
            "date": "2000-02-29",
            "weekday": "Tuesday",
            "iso_week": "2000-W09",
            "day_of_year": 60,
            "quarter": 1,
            "days_left": 306,
            "leap_year": True,
            "ordinal": 730179,
        },
    ),
    (
        "molecule-lab",
        "/moles?formula=H2O&grams=18.015",
        {"formula": "H2O", "grams": 18.015, "moles": 1.0, "molecules": "6.022141e+23"},
    ),
    (
        "payment-checks",
        "/iban/DE89370400440532013000",
        {
            "valid": True,
            "country": "DE",
            "check_digits": "89",
            "expected_check_digits": "89",
            "bban": "370400440532013000",
        },
    ),
    (
        "network-calculator",
        "/contains?cidr=192.0.2.0/24&address=192.0.2.17",
        {"contains": True, "offset": "17"},
    ),
    (
        "uuid-forge",
        "/named?name=python.org",
        {
            "uuid": "886313e1-3b8a-5372-9b90-0c9aee199e5d",
            "urn": "urn:uuid:886313e1-3b8a-5372-9b90-0c9aee199e5d",
            "integer": "181289448026289383154478846676280385117",
            "version": 5,
        },
    ),
    (
        "name-matcher",
        "/codes/Ashcraft",
        {
            "name": "Ashcraft",
            "soundex": "A261",
            "metaphone": "AXKRFT",
            "nysiis": "ASCRAFT",
            "match_rating": "ASHRFT",
        },
    ),
    ("grid-codes", "/maidenhead?latitude=48.1465&longitude=11.6083", {"locator": "JN58td", "field": "JN"}),
]


@pytest.mark.parametrize(("slug", "path", "answer"), ANSWERS, ids=[path for _, path, _ in ANSWERS])
def test_answers_are_right(hub: str, slug: str, path: str, answer: dict[str, Any]) -> None:
    assert requests.get(f"{hub}/apis/{slug}{path}", timeout=30).json() == answer


REFUSALS = [
    ("airport-finder", "/airports/QQQ", 404, "unknown_airport"),
    ("unit-converter", "/convert?value=1&from=mile&to=gram", 422, "unprocessable"),
    ("unit-converter", "/convert?value=1&from=mile&to=parsnip", 404, "unknown_unit"),
    ("unit-converter", "/convert?value=nan&from=mile&to=inch", 422, "invalid_argument"),
    ("unit-converter", "/convert?value=1e308&from=lightyear&to=nanometer", 422, "unprocessable"),
    ("unit-converter", "/units/love", 422, "invalid_argument"),
    ("unit-converter", "/nowhere", 404, "unknown_path"),
    ("no-such-tool", "/convert", 404, "unknown_path"),
    ("sun-times", "/times?latitude=89&longitude=0&day=2026-06-21", 422, "unprocessable"),
    ("sun-times", "/times?latitude=99&longitude=0&day=2026-06-21", 422, "invalid_argument"),
    ("sun-times", "/times?latitude=9&longitude=0", 400, "missing_argument"),
]


@pytest.mark.parametrize(("slug", "path", "status", "code"), REFUSALS, ids=[r[1] for r in REFUSALS])
def test_refusals_say_why(hub: str, slug: str, path: str, status: int, code: str) -> None:
    response = requests.get(f"{hub}/apis/{slug}{path}", timeout=30)

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("body", ["{", "[1]", "null"])
def test_a_bad_body_is_refused(hub: str, body: str) -> None:
    response = requests.post(f"{hub}/apis/geodesic-lab/area", data=body, timeout=30)

    assert (response.status_code, response.json()["error"]["parameter"]) == (422, "body")


def test_a_list_may_be_sent_in_three_ways(hub: str) -> None:
    queries = ["stops=HEL&stops=DXB&stops=SIN", "stops=HEL,DXB,SIN", 'stops=["HEL","DXB","SIN"]']

    answers = [
        requests.get(f"{hub}/apis/flight-distance/route?{query}", timeout=30).json() for query in queries
    ]

    assert answers[0]["total_km"] == 10384.3
    assert answers == [answers[0]] * 3


def test_host_name_and_path_lead_to_the_same_api(hub: str) -> None:
    by_path = requests.get(f"{hub}/apis/calendar-facts/easter/2027", timeout=30)
    by_host = requests.get(
        f"{hub}/easter/2027", headers={"Host": "calendar-facts.sandbox.test:80"}, timeout=30
    )

    assert by_path.content == by_host.content


def test_methods_are_kept_apart(hub: str) -> None:
    url = f"{hub}/apis/calendar-facts/easter/2027"

    assert requests.post(url, timeout=30).status_code == 405
    head = requests.head(url, timeout=30)
    assert (head.status_code, head.content) == (200, b"")


def test_there_are_apis_no_careful_client_calls() -> None:
    unsafe = {api.method for _, api in APIS if not api.read_only}

    assert unsafe == {"POST", "DELETE"}
    assert Fault.NEEDS_KEY in {api.fault for _, api in APIS if api.security}
