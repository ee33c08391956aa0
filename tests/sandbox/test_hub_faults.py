"""The APIs that are broken: each fails in its named way, and always the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import requests

from sandbox import catalogue
from sandbox.declare import Api, Tool
from sandbox.faults import DEMO_KEY, FLAKY_FAILURES, SLOW_S, Fault
from sandbox.listing import example_request

APIS = [(tool, api) for tool in catalogue.tools() for api in tool.apis]
MAX_BYTES = 1_000_000
Outcome = tuple[int, str, bytes] | str


def with_fault(*faults: Fault) -> list[tuple[Tool, Api]]:
    return [(tool, api) for tool, api in APIS if api.fault in faults]


def name_of(value: object) -> str:
    return value.slug if isinstance(value, Tool) else value.name if isinstance(value, Api) else ""


def send(
    hub: str, tool: Tool, api: Api, *, timeout: float = 30, headers: dict[str, str] | None = None
) -> requests.Response:
    url, query, stated, body = example_request(f"{hub}/apis/{tool.slug}", api)
    return requests.request(
        api.method,
        url,
        params=query,
        headers={**stated, **(headers or {})},
        json=body or None,
        timeout=timeout,
    )


def outcome(hub: str, tool: Tool, api: Api) -> Outcome:
    try:
        response = send(hub, tool, api)
    except requests.RequestException as error:
        return type(error).__name__
    return response.status_code, response.headers.get("Content-Type", ""), response.content


REFUSING = with_fault(Fault.NOT_FOUND, Fault.SERVER_ERROR, Fault.NEEDS_KEY, Fault.NOT_SUBSCRIBED)
STATUS = {Fault.NOT_FOUND: 404, Fault.SERVER_ERROR: 500, Fault.NEEDS_KEY: 401, Fault.NOT_SUBSCRIBED: 403}


@pytest.mark.parametrize(("tool", "api"), REFUSING, ids=name_of)
def test_a_refusing_api_has_its_status(hub: str, tool: Tool, api: Api) -> None:
    response = send(hub, tool, api)

    assert api.fault is not None
    assert response.status_code == STATUS[api.fault]
    assert set(response.json()) <= {"error", "message"}


@pytest.mark.parametrize(("tool", "api"), with_fault(Fault.NEEDS_KEY), ids=name_of)
def test_the_demonstration_key_opens_an_api(hub: str, tool: Tool, api: Api) -> None:
    headers = {"Authorization": f"Bearer {DEMO_KEY}"}

    assert send(hub, tool, api, headers=headers).status_code == 200


@pytest.mark.parametrize(("tool", "api"), with_fault(Fault.HTML_PAGE), ids=name_of)
def test_an_html_page_comes_instead_of_json(hub: str, tool: Tool, api: Api) -> None:
    response = send(hub, tool, api)

    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert response.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(("tool", "api"), with_fault(Fault.EMPTY_BODY), ids=name_of)
def test_an_empty_body_is_empty(hub: str, tool: Tool, api: Api) -> None:
    assert outcome(hub, tool, api) == (200, "application/json", b"")


@pytest.mark.parametrize(("tool", "api"), with_fault(Fault.SLOW), ids=name_of)
def test_a_slow_api_passes_the_deadline(hub: str, tool: Tool, api: Api) -> None:
    with pytest.raises(requests.ReadTimeout):
        send(hub, tool, api, timeout=SLOW_S / 10)


def test_a_slow_api_answers_in_the_end(hub: str) -> None:
    tool, api = with_fault(Fault.SLOW)[0]
    started = time.monotonic()

    assert send(hub, tool, api).status_code == 200
    assert time.monotonic() - started > 0.9 * SLOW_S


@pytest.mark.parametrize(("tool", "api"), with_fault(Fault.DROPPED_CONNECTION), ids=name_of)
def test_a_dropped_connection_carries_nothing(hub: str, tool: Tool, api: Api) -> None:
    assert outcome(hub, tool, api) == "ConnectionError"


@pytest.mark.parametrize(("tool", "api"), with_fault(Fault.WRONG_CONTENT_TYPE), ids=name_of)
def test_a_wrong_content_type_hides_the_answer(hub: str, tool: Tool, api: Api) -> None:
    response = send(hub, tool, api)

    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/octet-stream")
    with pytest.raises(UnicodeDecodeError):
        response.content.decode()


@pytest.mark.parametrize(("tool", "api"), with_fault(Fault.HUGE), ids=name_of)
def test_a_huge_answer_is_far_over_the_cap(hub: str, tool: Tool, api: Api) -> None:
    response = send(hub, tool, api)

    assert response.status_code == 200
    assert len(response.content) > 2 * MAX_BYTES
    assert set(response.json()) == {"data", "debug_trace"}


@pytest.mark.parametrize(("tool", "api"), with_fault(Fault.ERROR_OBJECT), ids=name_of)
def test_an_error_object_comes_with_status_200(hub: str, tool: Tool, api: Api) -> None:
    response = send(hub, tool, api)

    assert response.status_code == 200
    assert set(response.json()) & {"error", "message"}
    assert set(response.json()) <= {"error", "message", "success"}


def test_flaky_apis_fail_first_and_then_work_for_ever(
    fresh_hub: Callable[[], AbstractContextManager[str]],
) -> None:
    with fresh_hub() as url:
        tries = {
            api.name: [outcome(url, tool, api) for _ in range(FLAKY_FAILURES + 3)]
            for tool, api in with_fault(Fault.FLAKY)
        }

    for name, outcomes in tries.items():
        worked = [isinstance(one, tuple) and one[0] == 200 for one in outcomes]
        assert worked[0] is False, name
        assert worked[FLAKY_FAILURES:] == [True] * 3, name
        assert worked == sorted(worked), name
        failed = [one for one, well in zip(outcomes, worked, strict=True) if not well]
        seen = {one if isinstance(one, str) else one[0] for one in failed}
        assert seen <= {429, 503, "ChunkedEncodingError"}, name


def test_a_flaky_api_counts_each_request_apart(fresh_hub: Callable[[], AbstractContextManager[str]]) -> None:
    with fresh_hub() as url:
        flaky = f"{url}/apis/periodic-table/compare/Au"
        first = [_status(f"{flaky}/{symbol}") for symbol in ("H", "He", "Li", "Be", "B", "C", "N")]

    assert 200 not in first
    assert len(set(first)) == 3


def _status(url: str) -> int:
    try:
        return requests.get(url, timeout=10).status_code
    except requests.exceptions.ChunkedEncodingError:
        return 0


def said_by(url: str, tool: Tool, api: Api) -> list[Outcome]:
    return [outcome(url, tool, api) for _ in range(3 if api.fault is Fault.FLAKY else 1)]


def test_two_hubs_say_the_same_in_whatever_order_they_are_asked(
    fresh_hub: Callable[[], AbstractContextManager[str]],
) -> None:
    quick = [pair for pair in APIS if pair[1].fault is not Fault.SLOW]
    orders = [quick, sorted(quick, key=lambda pair: pair[1].name[::-1])]
    said = []
    for order in orders:
        with fresh_hub() as url:
            said.append({f"{t.slug} {a.name}": said_by(url, t, a) for t, a in order})

    assert said[0] == said[1]
