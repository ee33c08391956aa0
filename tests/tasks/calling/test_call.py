from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from tasks.calling.call import DirectCaller, RetryingCaller, RoutingCaller
from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.params import CallingParams
from tasks.errors import UsageError
from tasks.transport.client import HttpClient
from tasks.transport.redactor import Redactor
from warehouse.tables.catalogue import Api, SecurityScheme

MakeApi = Callable[..., Api]
Serve = Callable[[Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]], str]


def with_caller(params: CallingParams, use: Callable[[DirectCaller], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        client = HttpClient(
            timeout_s=params.timeout_s,
            max_bytes=params.max_bytes,
            concurrency=params.concurrency,
            per_host_rps=params.per_host_rps,
            resolve=params.resolve,
            allow_hosts=params.allow_hosts,
            timeout_of=params.timeout_at,
            rps_of=params.rps_at,
        )
        async with client:
            return await use(DirectCaller(client, params))

    return asyncio.run(run())


def call(api: Api, base: str, /, *, settings: dict[str, Any] | None = None, **arguments: Any) -> CallResult:
    """The result of a call to `sky.test`, which `base` serves; its latency left out."""
    params = CallingParams(**({"resolve": {"*.test": base}, "timeout_s": 5} | (settings or {})))
    result: CallResult = with_caller(params, lambda caller: caller.call(api, arguments))
    return replace(result, latency_ms=0.0)


async def echo(request: web.BaseRequest) -> web.Response:
    return web.json_response({"query": dict(request.query), "key": request.headers.get("X-Key")})


ANSWERS: dict[str, dict[str, Any]] = {
    "/other": {"text": '{"error": {"message": "no such thing"}}', "content_type": "application/json"},
    "/bomb": {"body": gzip.compress(bytes(10**7)), "headers": {"Content-Encoding": "gzip"}},
    "/inside": {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}},
    "/page": {"text": "<!doctype html><p>Hello", "content_type": "text/html"},
    "/latin": {"body": "naïve".encode("latin-1"), "headers": {"Content-Type": "text/plain; charset=latin-1"}},
    "/mislabelled": {"body": b"na\xefve", "headers": {"Content-Type": "text/plain; charset=nonsense"}},
    "/picture": {"body": b"\x89PNG\r\n\x1a\n\xff", "content_type": "image/png"},
    "/busy": {
        "status": 429,
        "text": '{"message": "slow down"}',
        "content_type": "application/json",
        "headers": {"Retry-After": "7"},
    },
    "/empty": {},
}


async def sky(request: web.BaseRequest) -> web.Response:
    """Behaves as its path says."""
    if request.path == "/silent":
        await asyncio.sleep(30)
    if request.path == "/drop":
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    return web.Response(**ANSWERS[request.path])


@pytest.mark.parametrize(
    ("path", "result"),
    [
        (
            "/other",
            CallResult(
                outcome=Outcome.ERROR_MESSAGE,
                http_status=200,
                content_type="application/json",
                n_bytes=39,
                body='{"error": {"message": "no such thing"}}',
            ),
        ),
        ("/silent", CallResult(outcome=Outcome.TIMEOUT, detail="sky.test did not finish within 0.5 s")),
        (
            "/bomb",
            CallResult(
                outcome=Outcome.TOO_LARGE, http_status=200, detail="sky.test sent more than 1000000 bytes"
            ),
        ),
        ("/inside", CallResult(outcome=Outcome.BLOCKED, detail="127.0.0.1 is a loopback address")),
        ("/drop", CallResult(outcome=Outcome.CONNECTION_ERROR, detail="sky.test: ServerDisconnectedError")),
        (
            "/page",
            CallResult(
                outcome=Outcome.HTML,
                http_status=200,
                content_type="text/html",
                n_bytes=23,
                body="<!doctype html><p>Hello",
            ),
        ),
        (
            "/latin",
            CallResult(
                outcome=Outcome.OK, http_status=200, content_type="text/plain", n_bytes=5, body="naïve"
            ),
        ),
        (
            "/mislabelled",
            CallResult(
                outcome=Outcome.OK, http_status=200, content_type="text/plain", n_bytes=5, body="na�ve"
            ),
        ),
        ("/picture", CallResult(outcome=Outcome.OK, http_status=200, content_type="image/png", n_bytes=9)),
        (
            "/busy",
            CallResult(
                outcome=Outcome.RATE_LIMITED,
                http_status=429,
                content_type="application/json",
                n_bytes=24,
                body='{"message": "slow down"}',
                retry_after=7.0,
            ),
        ),
        (
            "/empty",
            CallResult(outcome=Outcome.EMPTY, http_status=200),
        ),
    ],
)
def test_whatever_a_server_does_is_a_result(
    serve: Serve, make_api: MakeApi, path: str, result: CallResult
) -> None:
    api = make_api(url=f"http://sky.test{path}")
    assert call(api, serve(sky), settings={"timeout_s": 0.5 if path == "/silent" else 5}) == result


def test_latency_is_the_servers(serve: Serve, make_api: MakeApi) -> None:
    params = CallingParams(resolve={"*.test": serve(sky)}, timeout_s=0.5)

    async def both(caller: DirectCaller) -> list[float]:
        apis = [make_api(url=f"http://sky.test/{path}") for path in ("empty", "silent")]
        return [(await caller.call(api, {})).latency_ms for api in apis]

    fast, hung = with_caller(params, both)
    assert 0 < fast < 500 == hung


def test_arguments_that_make_no_request_are_never_sent(make_api: MakeApi) -> None:
    result = call(make_api({"name": "q", "required": True}), "http://127.0.0.1:1", city="Oslo")
    message = "unknown: city; required but missing: q. Valid arguments: q (string, required)"
    assert result == CallResult(
        outcome=Outcome.INVALID_ARGUMENTS, body=f'{{"message":"{message}"}}', detail=message
    )


def test_methods_that_are_not_allowed_are_never_sent(serve: Serve, make_api: MakeApi) -> None:
    base = serve(echo)
    result = call(make_api(method="DELETE"), base)
    assert result == CallResult(
        outcome=Outcome.UNSAFE_SKIPPED, detail="DELETE is not among [calling] methods"
    )
    assert call(make_api(method="DELETE"), base, settings={"methods": ["DELETE"]}).outcome is Outcome.OK


def test_other_protocols_are_for_other_callers(make_api: MakeApi) -> None:
    result = call(make_api(protocol="mcp"), "http://127.0.0.1:1")
    assert result == CallResult(outcome=Outcome.UNSAFE_SKIPPED, detail="protocol mcp is not called over HTTP")


SCHEMES = (
    SecurityScheme(kind="api_key", location="query", name="key"),
    SecurityScheme(kind="api_key", location="header", name="X-Key"),
)


def test_a_key_reaches_the_server_and_no_result(
    serve: Serve, make_api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKY_KEY", "s3cret/k3y")
    settings = {"keys": {"sky.test": "SKY_KEY"}}
    result = call(make_api({"name": "q"}, security=SCHEMES), serve(echo), settings=settings, q="1")
    assert result.body == '{"query": {"q": "1", "key": "[redacted]"}, "key": "[redacted]"}'


def test_a_failing_call_tells_no_key(make_api: MakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKY_KEY", "s3cret/k3y")
    result = call(
        make_api(security=SCHEMES), "http://127.0.0.1:1", settings={"keys": {"sky.test": "SKY_KEY"}}
    )
    refused = CallResult(
        outcome=Outcome.CONNECTION_ERROR, detail="sky.test: connection refused", unreached=True
    )
    assert result == refused


def test_a_key_that_is_not_set_is_found_before_the_first_call(make_api: MakeApi) -> None:
    with pytest.raises(UsageError, match="NO_SUCH_VARIABLE"):
        call(make_api(), "http://127.0.0.1:1", settings={"keys": {"*": "NO_SUCH_VARIABLE"}})


class Scripted:
    """Gives these results in turn; fails the test when asked once too often."""

    def __init__(self, *results: CallResult) -> None:
        self.results = list(results)
        self.moments: list[float] = []

    async def call(self, _api: Api, _arguments: Mapping[str, Any]) -> CallResult:
        self.moments.append(time.monotonic())
        return self.results.pop(0)


OK = CallResult(outcome=Outcome.OK)
DOWN = CallResult(outcome=Outcome.SERVER_ERROR)
GONE = CallResult(outcome=Outcome.NOT_FOUND)
HUNG = CallResult(outcome=Outcome.TIMEOUT)


@pytest.mark.parametrize(
    ("script", "last"),
    [
        ([OK], OK),
        ([DOWN, OK], OK),
        ([HUNG, DOWN, OK], OK),
        ([DOWN, DOWN, HUNG], HUNG),
        ([GONE], GONE),
        ([DOWN, GONE], GONE),
        (
            [CallResult(outcome=Outcome.RATE_LIMITED, retry_after=3600)],
            CallResult(outcome=Outcome.RATE_LIMITED, retry_after=3600),
        ),
    ],
)
def test_what_may_pass_is_tried_again(make_api: MakeApi, script: list[CallResult], last: CallResult) -> None:
    scripted = Scripted(*script)
    retrying = RetryingCaller(scripted, attempts=3, first_pause_s=0.001)
    assert asyncio.run(retrying.call(make_api(), {})) == last
    assert scripted.results == []


def pauses(make_api: MakeApi, *results: CallResult) -> list[float]:
    scripted = Scripted(*results)
    asyncio.run(RetryingCaller(scripted, attempts=len(results), first_pause_s=0.04).call(make_api(), {}))
    return [after - before for before, after in zip(scripted.moments, scripted.moments[1:], strict=False)]


def test_pauses_double(make_api: MakeApi) -> None:
    first, second = pauses(make_api, DOWN, DOWN, OK), pauses(make_api, DOWN, DOWN, OK)
    assert min(first[0], second[0]) >= 0.03
    assert min(first[1], second[1]) >= 0.06


def test_a_pause_is_as_long_as_the_api_asks(make_api: MakeApi) -> None:
    busy = CallResult(outcome=Outcome.RATE_LIMITED, retry_after=0.2)
    assert pauses(make_api, busy, OK)[0] >= 0.2


def test_a_date_may_say_how_long_to_wait(serve: Serve, make_api: MakeApi) -> None:
    async def later(_: web.BaseRequest) -> web.Response:
        moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        return web.Response(status=503, headers={"Retry-After": moment})

    result = call(make_api(), serve(later))
    assert result.outcome is Outcome.SERVER_ERROR
    assert result.retry_after == pytest.approx(59.5, abs=1)


OWN = {"hosts": {"*.own.test": {"methods": ["POST"], "timeout_s": 0.3}}}


def test_what_is_allowed_at_some_hosts_is_allowed_at_no_other(serve: Serve, make_api: MakeApi) -> None:
    base = serve(echo)

    own = call(make_api(method="POST", url="http://a.own.test/"), base, settings=OWN)
    other = call(make_api(method="POST", url="http://own.test/"), base, settings=OWN)

    assert own.outcome is Outcome.OK
    assert other == CallResult(outcome=Outcome.UNSAFE_SKIPPED, detail="POST is not among [calling] methods")


def test_the_deadline_of_some_hosts_is_that_of_no_other(serve: Serve, make_api: MakeApi) -> None:
    async def slowly(_: web.BaseRequest) -> web.Response:
        await asyncio.sleep(1)
        return web.json_response({"sky": "blue"})

    base = serve(slowly)
    settings = {"hosts": {"*.own.test": {"timeout_s": 0.3}}}

    own = call(make_api(url="http://a.own.test/"), base, settings=settings)
    other = call(make_api(url="http://b.test/"), base, settings=settings)

    assert (own.outcome, own.detail) == (Outcome.TIMEOUT, "a.own.test did not finish within 0.3 s")
    assert other.outcome is Outcome.OK


class Named:
    def __init__(self, name: str) -> None:
        self._name = name

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        return CallResult(outcome=Outcome.OK, body=f"{self._name} {api.api_name} {dict(arguments)}")


CALLER = RoutingCaller({"http": Named("http"), "mcp": Named("mcp")})


def test_the_protocol_decides_who_calls(make_api: Callable[..., Api]) -> None:
    result = asyncio.run(CALLER.call(make_api(api_name="Now", protocol="mcp"), {"zone": "UTC"}))
    assert result.body == "mcp Now {'zone': 'UTC'}"


def test_a_protocol_that_nobody_calls_is_skipped(make_api: Callable[..., Api]) -> None:
    result = asyncio.run(CALLER.call(make_api(protocol="toolbench"), {}))
    assert result == CallResult(
        outcome=Outcome.UNSAFE_SKIPPED, detail="nothing is configured that calls toolbench APIs"
    )


def test_no_key_is_handed_on_in_what_is_said_in_words_of_ours_or_in_a_type(
    make_api: Callable[..., Api],
) -> None:
    class Echoing:
        async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
            return CallResult(
                outcome=Outcome.NOT_FOUND,
                http_status=404,
                body=f"no {arguments['city']} for {api.api_name}, sk-abc-123",
                content_type="text/sk-abc-123",
                detail="sk-abc-123.test did not answer",
            )

    caller = RoutingCaller({"http": Echoing()}, Redactor(["sk-abc-123"]))

    assert asyncio.run(caller.call(make_api(api_name="Now"), {"city": "Oslo"})) == CallResult(
        outcome=Outcome.NOT_FOUND,
        http_status=404,
        body="no Oslo for Now, [redacted]",
        content_type="text/[redacted]",
        detail="[redacted].test did not answer",
    )
