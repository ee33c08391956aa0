"""Calling APIs of ToolBench records, against real servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.params import CallingParams
from tasks.calling.toolbench import ToolbenchCaller, result_of, service_client
from tasks.errors import BrokenContract, UsageError
from tasks.transport.client import HttpClient
from warehouse.tables.catalogue import Api, SecurityScheme

MakeApi = Callable[..., Api]
Serve = Callable[[Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]], str]

URL = "toolbench://Weather/sky/forecast"
DIRECT_URL = f"{URL}/http/sky.p.rapidapi.com/v1/{{city}}"
KEY = "sesame-open"


def call(api: Api, settings: dict[str, Any], arguments: dict[str, Any]) -> CallResult:
    """The result of one call, its latency left out."""
    params = CallingParams(**({"timeout_s": 5} | settings))

    async def run() -> CallResult:
        client = HttpClient(
            timeout_s=params.timeout_s,
            max_bytes=params.max_bytes,
            concurrency=1,
            per_host_rps=1000,
            resolve=params.resolve,
            allow_hosts=params.allow_hosts,
        )
        async with client, service_client(params) as service:
            return await ToolbenchCaller(params, client=client, service=service).call(api, arguments)

    return replace(asyncio.run(run()), latency_ms=0.0)


def served(url: str, **settings: Any) -> dict[str, Any]:
    return {"executor": "toolbench", "toolbench_url": f"{url}/virtual"} | settings


async def echo(request: web.BaseRequest) -> web.Response:
    """Tells what a service was asked."""
    asked = await request.json()
    key = request.headers.get("toolbench_key")
    return web.json_response({"error": "", "response": {"path": request.path, "key": key, "asked": asked}})


def answering(status: int, body: bytes) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, body=body, content_type="application/json")

    return answer


def test_the_service_is_asked_by_toolbenchs_names(serve: Serve, make_api: MakeApi) -> None:
    api = make_api(
        {"name": "City ID", "arg_name": "city_id", "type": "integer", "required": True},
        {"name": "天气", "arg_name": "is_", "location": "header"},
        {"name": "from", "arg_name": "is_from", "location": "path"},
        url=URL,
        protocol="toolbench",
    )
    result = call(api, served(serve(echo)), {"is_from": "now", "city_id": "7", "is_": "晴"})

    assert json.loads(result.body or "") == {
        "path": "/virtual",
        "key": None,
        "asked": {
            "category": "Weather",
            "tool_name": "sky",
            "api_name": "forecast",
            "tool_input": '{"city_id":7,"天气":"晴","is_from":"now"}',
            "strip": "",
            "toolbench_key": "",
        },
    }
    assert (result.outcome, result.http_status) == (Outcome.OK, None)


def test_the_key_goes_to_the_service_and_nowhere_else(
    serve: Serve, make_api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_KEY", KEY)
    settings = served(serve(echo), toolbench_key_env="SERVICE_KEY", toolbench_strip="filter")
    result = call(make_api(url=URL, protocol="toolbench"), settings, {})

    said = json.loads(result.body or "")
    assert said["key"] == "[redacted]"
    assert said["asked"]["toolbench_key"] == "[redacted]"
    assert said["asked"]["strip"] == "filter"
    assert KEY not in repr(result)


def test_arguments_are_checked_before_anything_is_sent(make_api: MakeApi) -> None:
    api = make_api({"name": "q", "required": True}, url=URL, protocol="toolbench")
    result = call(api, served("http://127.0.0.1:1"), {"x": 1})

    assert result.outcome is Outcome.INVALID_ARGUMENTS
    assert result.detail == ("unknown: x; required but missing: q. Valid arguments: q (string, required)")


def test_methods_that_are_not_allowed_are_not_executed(make_api: MakeApi) -> None:
    api = make_api(url=URL, protocol="toolbench", method="POST")

    assert call(api, served("http://127.0.0.1:1"), {}) == CallResult(
        outcome=Outcome.UNSAFE_SKIPPED, detail="POST is not among [calling] methods"
    )


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"<html>", Outcome.SERVER_ERROR),
        (200, b'{"response": "x"}', Outcome.SERVER_ERROR),
        (200, b'{"error": null, "response": "x"}', Outcome.OK),
        (200, b'{"error": {"code": 5}, "response": ""}', Outcome.ERROR_MESSAGE),
        (422, b'{"detail": []}', Outcome.CLIENT_ERROR),
        (429, b"", Outcome.RATE_LIMITED),
        (500, b"", Outcome.SERVER_ERROR),
    ],
)
def test_what_the_service_may_answer(
    serve: Serve, make_api: MakeApi, status: int, body: bytes, outcome: Outcome
) -> None:
    result = call(make_api(url=URL, protocol="toolbench"), served(serve(answering(status, body))), {})

    assert result.outcome is outcome


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, "no service that speaks ToolBench's protocol"), (401, "does not accept the key")],
)
def test_a_wrong_address_or_key_stops_the_run(
    serve: Serve, make_api: MakeApi, status: int, told: str
) -> None:
    url = serve(answering(status, b""))
    settings = served(url) | {"toolbench_url": f"{url}/virtual?token=abc"}

    with pytest.raises(BrokenContract, match=told) as stopped:
        call(make_api(url=URL, protocol="toolbench"), settings, {})
    assert "toolbench_" in str(stopped.value.fix)
    assert "token" not in str(stopped.value)


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [({"max_bytes": 10}, Outcome.TOO_LARGE), ({"timeout_s": 0.2}, Outcome.TIMEOUT)],
)
def test_limits_hold_for_the_service(
    serve: Serve, make_api: MakeApi, settings: dict[str, Any], outcome: Outcome
) -> None:
    async def late(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(0.0 if "max_bytes" in settings else 5)
        return await echo(request)

    result = call(make_api(url=URL, protocol="toolbench"), served(serve(late), **settings), {})

    assert result.outcome is outcome


def test_a_service_that_is_down_is_no_answer(make_api: MakeApi) -> None:
    result = call(make_api(url=URL, protocol="toolbench"), served("http://127.0.0.1:1"), {})

    assert result.outcome is Outcome.CONNECTION_ERROR


def test_the_service_may_have_a_name_that_is_resolved(serve: Serve, make_api: MakeApi) -> None:
    settings = served("http://toolbench.sandbox.test", resolve={"*.sandbox.test": serve(echo)})

    assert call(make_api(url=URL, protocol="toolbench"), settings, {}).outcome is Outcome.OK


def test_a_service_cannot_send_us_elsewhere_inside(serve: Serve, make_api: MakeApi) -> None:
    async def redirect(_: web.BaseRequest) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://127.0.0.2:1/"})

    result = call(make_api(url=URL, protocol="toolbench"), served(serve(redirect)), {})

    assert result.outcome is Outcome.BLOCKED


async def show(request: web.BaseRequest) -> web.Response:
    headers = {name: request.headers.get(name) for name in ("X-RapidAPI-Key", "X-RapidAPI-Host")}
    return web.json_response({"path": request.path_qs, "headers": headers})


def test_direct_calls_go_where_the_api_is(
    serve: Serve, make_api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAPID", KEY)
    api = make_api(
        {"name": "city", "location": "path", "required": True},
        {"name": "Unit", "arg_name": "unit"},
        url=DIRECT_URL,
        protocol="toolbench",
        security=(SecurityScheme(kind="api_key", location="header", name="X-RapidAPI-Key"),),
    )
    settings = {"resolve": {"*.rapidapi.com": serve(show)}, "keys": {"*.p.rapidapi.com": "RAPID"}}
    result = call(api, settings, {"city": "Oslo", "unit": "C"})

    assert (result.outcome, result.http_status) == (Outcome.OK, 200)
    assert json.loads(result.body or "") == {
        "path": "/v1/Oslo?Unit=C",
        "headers": {"X-RapidAPI-Key": "[redacted]", "X-RapidAPI-Host": "sky.p.rapidapi.com"},
    }


def test_other_hosts_learn_nothing_of_rapidapi(serve: Serve, make_api: MakeApi) -> None:
    api = make_api(url=f"{URL}/http/sky.test/v1", protocol="toolbench")
    result = call(api, {"resolve": {"sky.test": serve(show)}}, {})

    assert json.loads(result.body or "")["headers"] == {"X-RapidAPI-Key": None, "X-RapidAPI-Host": None}


def test_without_an_address_the_way_out_is_told(make_api: MakeApi) -> None:
    assert call(make_api(url=URL, protocol="toolbench"), {}, {}) == CallResult(
        outcome=Outcome.UNSAFE_SKIPPED,
        detail='its record gives no address; set [calling] executor = "toolbench" and toolbench_url '
        "to execute it through a service",
    )


def test_direct_calls_are_guarded(make_api: MakeApi) -> None:
    api = make_api(url=f"{URL}/http/127.0.0.1:9/v1", protocol="toolbench")

    assert call(api, {}, {}).outcome is Outcome.BLOCKED


def test_a_service_needs_an_address() -> None:
    with pytest.raises(ValidationError, match="needs toolbench_url"):
        CallingParams(executor="toolbench")
    with pytest.raises(ValidationError, match="http or https URL"):
        CallingParams(toolbench_url="localhost:8080/virtual")


def test_a_key_that_is_not_set_is_found_at_once(make_api: MakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVICE_KEY", raising=False)
    settings = served("http://127.0.0.1:1", toolbench_key_env="SERVICE_KEY")

    with pytest.raises(UsageError, match="SERVICE_KEY, which is not set"):
        call(make_api(url=URL, protocol="toolbench"), settings, {})


def outcome_and_body(error: str, response: Any) -> tuple[Outcome, str | None]:
    result = result_of(error, response, latency_ms=3.0)
    return result.outcome, result.body


@pytest.mark.parametrize(
    ("response", "body"),
    [
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ([1], "[1]"),
        (5, "5"),
        ('{"a": 1}', '{"a": 1}'),
        ("{'a': [True, None, 'it\\'s'], 1: 2.5}", '{"a":[true,null,"it\'s"],"1":2.5}'),
        ("[{'x': (1, 2)}]", '[{"x":[1,2]}]'),
        ('"a quoted text"', "a quoted text"),
        ('"quoted" and more', '"quoted" and more'),
        ("Sunny, 20 degrees", "Sunny, 20 degrees"),
        ("{'cut': 'in the mid", "{'cut': 'in the mid"),
        ("[1if 2else 3, __import__('os')]", "[1if 2else 3, __import__('os')]"),
        ("{'when': datetime.date(2024, 1, 1)}", "{'when': datetime.date(2024, 1, 1)}"),
        ("[" * 5000, "[" * 5000),
        ("{'a': {1, 2}}", "{'a': {1, 2}}"),
        ("{'huge': " + "1" * 30 + "}", '{"huge":' + "1" * 30 + "}"),
    ],
)
def test_responses_become_text_of_json_where_they_can(response: Any, body: str) -> None:
    assert outcome_and_body("", response) == (Outcome.OK, body)


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        ("", Outcome.EMPTY),
        (None, Outcome.EMPTY),
        ("  ", Outcome.EMPTY),
        ('"<html><body>Gone</body></html>"', Outcome.HTML),
        ("{'message': \"API doesn't exists\"}", Outcome.ERROR_MESSAGE),
        ({"error": "no such city"}, Outcome.ERROR_MESSAGE),
        ({"error": None, "temperature": 20}, Outcome.OK),
    ],
)
def test_a_response_without_error_is_judged_like_any_body(response: Any, outcome: Outcome) -> None:
    assert outcome_and_body("", response)[0] is outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("API not working error...", Outcome.SERVER_ERROR),
        ("API temporarily not working error...", Outcome.TIMEOUT),
        ("Unauthorized error...", Outcome.UNAUTHORIZED),
        ("Unsubscribed error...", Outcome.UNSUBSCRIBED),
        ("Too many requests error...", Outcome.RATE_LIMITED),
        ("Rate limit error...", Outcome.RATE_LIMITED),
        ("Rate limit per minute error...", Outcome.RATE_LIMITED),
        ("Gateway error...", Outcome.SERVER_ERROR),
        ("Blocked error...", Outcome.UNAUTHORIZED),
        ("Timeout error...HTTPConnectionPool(host='10.0.0.1', port=7890): Read timed out.", Outcome.TIMEOUT),
        ("Failed to generate fake response", Outcome.SERVER_ERROR),
        ("Tool input parse error...\n", Outcome.CLIENT_ERROR),
        ("request invalid, data error", Outcome.CLIENT_ERROR),
        ("No such function name: fly", Outcome.NOT_FOUND),
        ("Function executing from t.W.sky.api import x error...\nNo module named 't.W'", Outcome.NOT_FOUND),
        ("Function executing from t.W.sky.api import x error...\nx() missing 1 ...", Outcome.CLIENT_ERROR),
        ("Message error...", Outcome.ERROR_MESSAGE),
        ("Something new", Outcome.ERROR_MESSAGE),
    ],
)
def test_the_service_words_an_error(error: str, outcome: Outcome) -> None:
    assert result_of(error, "", latency_ms=3.0).outcome is outcome


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        ("{'main': {'id': 'af-error-container'}, 'entries': [1]}", Outcome.OK),
        ({"data": [1, 2], "error": None}, Outcome.OK),
        ({"error": {"code": 404}}, Outcome.ERROR_MESSAGE),
        ("an error occurred", Outcome.ERROR_MESSAGE),
    ],
)
def test_that_the_word_error_stands_somewhere_is_no_error(response: Any, outcome: Outcome) -> None:
    assert result_of("Message error...", response, latency_ms=3.0).outcome is outcome


def test_what_the_service_says_of_a_call_is_there_to_learn_from() -> None:
    assert result_of("No such function name: fly ", "", latency_ms=3.0) == CallResult(
        outcome=Outcome.NOT_FOUND,
        latency_ms=3.0,
        content_type="application/json",
        n_bytes=40,
        body='{"message":"No such function name: fly"}',
        detail="No such function name: fly",
    )


def test_addresses_of_the_service_do_not_reach_the_model() -> None:
    assert outcome_and_body("Timeout error...host='10.0.0.1'", "") == (Outcome.TIMEOUT, None)
