import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from tasks.calling.call import DirectCaller
from tasks.calling.params import CallingParams
from tasks.probing.params import ProbeParams
from tasks.probing.probe import ProbeReport, probe_api
from tasks.transport.client import HttpClient
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Probe, Verdict

MakeApi = Callable[..., Api]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], str]

NOW = datetime(2024, 5, 1, tzinfo=UTC)
QUICKLY = ProbeParams(attempts=3, spacing_s=0)


def probe(api: Api, base: str, params: ProbeParams = QUICKLY, **calling: Any) -> ProbeReport:
    """The report, latencies left out."""

    async def run() -> ProbeReport:
        client = HttpClient(
            timeout_s=5,
            max_bytes=100_000,
            concurrency=4,
            per_host_rps=1000,
            resolve={"*.test": base},
            allow_hosts=[],
        )
        async with client:
            caller = DirectCaller(client, CallingParams(**calling))
            return await probe_api(api, caller, params, run_id="r1", now=NOW)

    report = asyncio.run(run())
    return ProbeReport(
        tuple(replace(row, latency_ms=0.0) for row in report.probes),
        replace(report.verdict, median_latency_ms=None),
    )


def flaky(failures: int) -> Handler:
    """Fails so many times for each request, then answers."""
    seen: dict[str, int] = {}

    async def handle(request: web.BaseRequest) -> web.Response:
        seen[request.raw_path] = seen.get(request.raw_path, 0) + 1
        if seen[request.raw_path] <= failures:
            return web.json_response({"error": "warming up"}, status=503)
        return web.json_response({"asked": request.raw_path})

    return handle


def outcomes(report: ProbeReport) -> list[tuple[str, str]]:
    return [(row.arguments, row.outcome) for row in report.probes]


def test_a_report(serve: Serve, make_api: MakeApi) -> None:
    report = probe(make_api({"name": "q", "required": True, "default": '"Oslo"'}), serve(flaky(2)))
    failed = Probe(
        run_id="r1",
        api_id="Weather/sky/forecast",
        attempt=0,
        arguments='{"q":"Oslo"}',
        outcome="server_error",
        http_status=503,
        latency_ms=0.0,
        content_type="application/json",
        n_bytes=23,
        body_head='{"error": "warming up"}',
        probed_at=NOW,
    )
    body = '{"asked": "/v1/forecast?q=Oslo"}'
    answered = replace(failed, attempt=2, outcome="ok", http_status=200, n_bytes=len(body), body_head=body)
    verdict = Verdict(
        api_id="Weather/sky/forecast",
        works=True,
        effective=True,
        kept=True,
        reason="ok",
        median_latency_ms=None,
        n_attempts=3,
        example_response='{"asked":"/v1/forecast?q=Oslo"}',
        probed_at=NOW,
    )
    assert report == ProbeReport((failed, replace(failed, attempt=1), answered), verdict)


def test_the_same_server_state_gives_the_same_rows(serve: Serve, make_api: MakeApi) -> None:
    api = make_api({"name": "q", "required": True})
    assert probe(api, serve(flaky(1))) == probe(api, serve(flaky(1)))


def test_other_arguments_are_tried_when_these_are_at_fault(serve: Serve, make_api: MakeApi) -> None:
    async def wants_days(request: web.BaseRequest) -> web.Response:
        if "days" not in request.query:
            return web.json_response({"error": "days is needed"}, status=400)
        return web.json_response({"days": request.query["days"]})

    api = make_api({"name": "days", "default": "3", "type": "integer"})
    report = probe(api, serve(wants_days))
    assert outcomes(report) == [("{}", "client_error"), ('{"days":3}', "ok"), ('{"days":3}', "ok")]
    assert report.verdict.kept


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"method": "POST"}, "unsafe_skipped"),
        ({"url": "http://127.0.0.1:1/"}, "blocked"),
        ({"url": "http://sky.test/{unit}"}, "invalid_arguments"),
    ],
)
def test_what_is_decided_on_our_side_is_tried_once(
    make_api: MakeApi, fields: dict[str, Any], outcome: str
) -> None:
    report = probe(make_api(**fields), "http://127.0.0.1:1")
    assert outcomes(report) == [("{}", outcome)]
    assert (report.verdict.kept, report.verdict.reason) == (False, outcome)


def test_tries_are_spaced(serve: Serve, make_api: MakeApi) -> None:
    moments: list[float] = []

    async def note(_: web.BaseRequest) -> web.Response:
        moments.append(asyncio.get_running_loop().time())
        return web.json_response({"a": 1})

    probe(make_api(), serve(note), ProbeParams(attempts=3, spacing_s=0.05))
    assert min(moments[1] - moments[0], moments[2] - moments[1]) >= 0.05


def test_only_the_head_of_a_body_is_kept_in_the_history(serve: Serve, make_api: MakeApi) -> None:
    async def long(_: web.BaseRequest) -> web.Response:
        return web.Response(text="x" * 5000)

    row = probe(make_api(), serve(long)).probes[0]
    assert (row.n_bytes, row.body_head) == (5000, "x" * 1000)
