"""The hub's ToolBench service, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from commands import serve_sandbox

from sandbox import catalogue
from sandbox.arguments import arguments_of
from sandbox.declare import Api, Tool
from sandbox.faults import Fault
from sandbox.toolbench_folder import standard_argument, standard_name

Json = dict[str, Any]

SESSION = requests.Session()
CALL: Json = {
    "category": "Finance",
    "tool_name": "currency_formats",
    "api_name": "currency_facts",
    "tool_input": '{"currency": "EUR"}',
    "strip": "",
    "toolbench_key": "",
}
EURO = {"code": "EUR", "name": "Euro", "plural": "euros", "symbol": "€", "decimals": 2}


def ask(hub: str, path: str = "/virtual", **said: Any) -> Json:
    answered = SESSION.post(f"{hub}/toolbench{path}", json=CALL | said, timeout=30)
    assert answered.status_code == 200, answered.text
    answer: Json = answered.json()
    return answer


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"path": "/rapidapi"},
        {"tool_input": {"currency": "EUR"}},
        {"tool_name": "Currency Formats", "api_name": "Currency Facts"},
        {"tool_name": "currency_formats_for_Finance"},
        {"tool_input": '{"currency": "EUR", "language": null}'},
    ],
)
def test_an_api_is_executed(hub: str, said: Json) -> None:
    assert ask(hub, **said) == {"error": "", "response": EURO}


def test_the_service_has_a_host_name_of_its_own(hub: str) -> None:
    answered = requests.post(
        f"{hub}/virtual", json=CALL, headers={"Host": "toolbench.sandbox.test"}, timeout=30
    )
    assert answered.json() == {"error": "", "response": EURO}


def test_shortened_answers_are_text_as_python_writes_it(hub: str) -> None:
    answer = ask(hub, api_name="list_currencies", tool_input="", strip="truncate")

    assert answer["response"].startswith("{'")
    assert len(answer["response"]) == 2048


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"tool_input": "["}, "Tool input parse error...\n"),
        ({"tool_input": "[]"}, "Tool input parse error...\n"),
        (
            {"tool_input": {}},
            "Function executing from tools.Finance.currency_formats.api import currency_facts error...\n"
            "currency_facts() missing 1 required positional argument: 'currency'",
        ),
        (
            {"tool_input": {"coin": 1}},
            "Function executing from tools.Finance.currency_formats.api import currency_facts error...\n"
            "currency_facts() got an unexpected keyword argument 'coin'",
        ),
        (
            {"category": "Space", "tool_name": "Probe", "api_name": "id"},
            "Function executing from tools.Space.probe.api import is_id error...\n"
            "No module named 'tools.Space.probe'",
        ),
    ],
)
def test_what_cannot_be_executed_is_told_as_python_tells_it(hub: str, said: Json, error: str) -> None:
    assert ask(hub, **said) == {"error": error, "response": ""}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/toolbench/virtual", "", 405),
        ("POST", "/toolbench/", json.dumps(CALL), 404),
        ("POST", "/toolbench/virtual", '{"category": "Finance", "toolbench_key": "secret"', 422),
        ("POST", "/toolbench/virtual", '{"category": 5, "toolbench_key": "secret"}', 422),
    ],
)
def test_requests_that_are_no_calls(hub: str, method: str, path: str, body: str, status: int) -> None:
    answered = requests.request(method, f"{hub}{path}", data=body, timeout=30)

    assert answered.status_code == status
    assert "secret" not in answered.text


def declared(fault: Fault | None) -> tuple[Tool, Api]:
    return next((tool, api) for tool in catalogue.tools() for api in tool.apis if api.fault is fault)


def executed(hub: str, tool: Tool, api: Api) -> Json:
    """The example call of an API, through the service."""
    examples = arguments_of(api).examples()
    return ask(
        hub,
        category=tool.category,
        tool_name=standard_name(tool.name),
        api_name=standard_argument(api.name),
        tool_input={standard_argument(name): value for name, value in examples.items()},
    )


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.NEEDS_KEY, "Unauthorized error..."),
        (Fault.NOT_SUBSCRIBED, "Unsubscribed error..."),
        (Fault.NOT_FOUND, "Message error..."),
        (Fault.SERVER_ERROR, "Message error..."),
        (Fault.EMPTY_BODY, ""),
        (Fault.HTML_PAGE, ""),
    ],
)
def test_faults_of_apis_are_known_by_words_alone(hub: str, fault: Fault, error: str) -> None:
    assert executed(hub, *declared(fault))["error"] == error


def test_a_dropped_connection_is_no_failure_of_the_service(hub: str) -> None:
    answer = executed(hub, *declared(Fault.DROPPED_CONNECTION))

    assert answer["error"].endswith("error...\nServerDisconnectedError")


def test_every_sound_api_can_be_executed_with_its_examples(hub: str) -> None:
    failed = [
        (tool.name, api.name, answer)
        for tool in catalogue.tools()
        for api in tool.apis
        if api.fault is None and (answer := executed(hub, tool, api))["error"] not in {"", "Message error..."}
    ]
    assert failed == []


UNKNOWN: Json = {
    "category": "Data",
    "tool_name": "theclique",
    "api_name": "songkick_artist",
    "tool_input": {"artist_id": "520117-arctic-monkeys"},
}


def test_answers_are_made_up_on_request_and_say_so(tmp_path: Path, hub: str) -> None:
    with serve_sandbox(tmp_path, "--make-up-answers") as sandbox:
        known, unknown, again = (ask(sandbox.hub, **said) for said in ({}, UNKNOWN, UNKNOWN))

    assert known == {"error": "", "response": EURO}
    assert unknown == again
    assert (unknown["error"], unknown["response"]["made_up"]) == ("", True)
    assert ask(hub, **UNKNOWN)["response"] == ""
