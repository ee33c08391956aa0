"""The APIs that work: real answers, and helpful refusals."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import requests

from sandbox import catalogue
from sandbox.arguments import arguments_of
from sandbox.declare import Api, Tool
from sandbox.faults import Fault
from sandbox.listing import tool_id

APIS = [(tool, api) for tool in catalogue.tools() for api in tool.apis]
WORKING = [(tool, api) for tool, api in APIS if api.fault is None]


def name_of(value: object) -> str:
    return value.slug if isinstance(value, Tool) else value.name if isinstance(value, Api) else ""


def call(hub: str, tool: Tool, api: Api, arguments: dict[str, Any]) -> requests.Response:
    """Calls an API the way a client does that knows only the listing."""
    parameters = arguments_of(api)
    places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "body": {}}
    for name, value in arguments.items():
        places[parameters.location(name)][name] = value
    path = api.path
    for name, value in places["path"].items():
        path = path.replace(f"{{{name}}}", requests.utils.quote(str(value), safe=""))
    query = {name: json.dumps(v) if isinstance(v, (bool, dict)) else v for name, v in places["query"].items()}
    return requests.request(
        api.method,
        hub + path,
        params=query,
        headers={"Host": f"{tool.slug}.sandbox.test", **places["header"]},
        json=places["body"] or None,
        timeout=30,
    )


@pytest.mark.parametrize(("tool", "api"), WORKING, ids=name_of)
def test_the_listed_example_is_what_the_api_answers(hub: str, tool: Tool, api: Api) -> None:
    listed = requests.get(f"{hub}/tools/{tool_id(tool)}", timeout=30).json()["apis"]
    example = next(entry["example_response"] for entry in listed if entry["name"] == api.name)

    response = call(hub, tool, api, arguments_of(api).examples())

    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    assert response.json() == example


@pytest.mark.parametrize(("tool", "api"), WORKING, ids=name_of)
def test_every_listed_default_can_be_sent_too(hub: str, tool: Tool, api: Api) -> None:
    arguments = arguments_of(api)

    spelt_out = call(hub, tool, api, arguments.examples(optional=True))

    assert spelt_out.status_code == 200, spelt_out.text
    assert spelt_out.json() == call(hub, tool, api, arguments.examples()).json()


@pytest.mark.parametrize(("tool", "api"), WORKING, ids=name_of)
def test_extreme_arguments_never_break_an_api(hub: str, tool: Tool, api: Api) -> None:
    arguments = arguments_of(api)
    for name, schema in arguments.schemas.items():
        extremes = [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
        extremes += schema.get("enum", [])
        extremes += ["?", "a", "A" * 3, "/", "Ω", "0"] if schema["type"] == "string" else []
        for value in extremes:
            response = call(hub, tool, api, arguments.examples() | {name: value})
            assert response.status_code in {200, 404, 422}, (name, value, response.text)
            assert response.json()


@pytest.mark.parametrize(("tool", "api"), WORKING, ids=name_of)
def test_a_missing_argument_is_named(hub: str, tool: Tool, api: Api) -> None:
    arguments = arguments_of(api)
    examples = arguments.examples()
    for name in sorted(arguments.required - arguments.in_path):
        response = call(hub, tool, api, {key: value for key, value in examples.items() if key != name})
        assert (response.status_code, response.json()["error"]["parameter"]) == (400, name)


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
            "value": 5.0, "from": "kilometer", "to": "mile", "result": 3.107, "symbol": "mi",
            "formatted": "3.107 mi",
        },
    ),
    (
        "calendar-facts",
        "/easter/2026",
        {
            "year": 2026, "rite": "western", "ash_wednesday": "2026-02-18", "good_friday": "2026-04-03",
            "easter": "2026-04-05", "ascension": "2026-05-14", "pentecost": "2026-05-24",
        },
    ),
    (
        "star-atlas",
        "/seasons/2024",
        {
            "year": 2024, "march_equinox": "2024-03-20T03:06:21Z", "june_solstice": "2024-06-20T20:50:56Z",
            "september_equinox": "2024-09-22T12:43:36Z", "december_solstice": "2024-12-21T09:20:30Z",
        },
    ),
    ("grid-codes", "/maidenhead?latitude=48.1465&longitude=11.6083", {"locator": "JN58td", "field": "JN"}),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "path", "answer"), ANSWERS, ids=[path for _, path, _ in ANSWERS])
def test_answers_are_right(hub: str, slug: str, path: str, answer: dict[str, Any]) -> None:
    assert requests.get(f"{hub}/apis/{slug}{path}", timeout=30).json() == answer


REFUSALS = [
    ("airport-finder", "/airports/QQQ", 404, "unknown_airport"),
    ("unit-converter", "/convert?value=1&from=mile&to=gram", 422, "unprocessable"),
    ("unit-converter", "/convert?value=1&from=mile&to=parsnip", 404, "unknown_unit"),
    ("unit-converter", "/convert?value=nan&from=mile&to=inch", 422, "invalid_argument"),
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
