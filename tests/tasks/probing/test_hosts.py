"""A host that is not there is found out in seconds, whatever is called on it, and every API has its rows."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from tasks.calling.call import DirectCaller
from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.params import CallingParams
from tasks.probing.hosts import Hosts
from tasks.probing.params import ProbeParams
from tasks.probing.probe import Prober, ProbeReport, probe_api
from tasks.transport.client import HttpClient
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

REFUSED = CallResult(outcome=Outcome.CONNECTION_ERROR, detail="gone.test: connection refused", unreached=True)


def probed(apis: list[Api], base: str, params: ProbeParams, rps: float = 1000) -> list[ProbeReport]:
    async def run() -> list[ProbeReport]:
        async with HttpClient(
            timeout_s=5,
            max_bytes=10_000,
            concurrency=8,
            per_host_rps=rps,
            resolve={"*.test": base},
            allow_hosts=[],
        ) as client:
            prober = Prober(caller=DirectCaller(client, CallingParams()), params=params, run_id="r")
            return await asyncio.gather(*(probe_api(api, prober) for api in apis))

    return asyncio.run(run())


def test_all_apis_of_a_host_that_is_not_there_are_told_within_seconds(make_api: MakeApi) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    apis = [make_api(api_id=f"api {n:03}", url=f"http://gone.test/{n}") for n in range(200)]
    began = time.monotonic()
    # At this pace 600 calls would take two minutes, and the spacing twenty seconds.
    reports = probed(apis, base, ProbeParams(attempts=3, spacing_s=10), rps=5)
    assert time.monotonic() - began < 8
    assert {len(report.probes) for report in reports} == {3}
    assert {row.outcome for report in reports for row in report.probes} == {"connection_error"}
    assert {(report.verdict.reason, report.verdict.detail) for report in reports} == {
        ("connection_error", "gone.test: connection refused")
    }


def test_a_host_that_was_heard_of_is_called_to_the_end(
    serve: Callable[[Handler], str], make_api: MakeApi
) -> None:
    seen: list[str] = []

    async def hang_up(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.path)
        if request.transport is not None and request.path != "/well":
            request.transport.close()
        return web.json_response({"well": True})

    apis = [make_api(api_id=path, url=f"http://moody.test{path}") for path in ("/well", "/a", "/b")]
    reports = probed(apis, serve(hang_up), ProbeParams(attempts=3, spacing_s=0))
    assert [report.verdict.reason for report in reports] == ["ok", "connection_error", "connection_error"]
    assert len(seen) >= 9


@pytest.mark.parametrize(
    ("times", "answers", "calls"),
    [
        ([0, 1, 2, 3], [REFUSED] * 4, 3),
        ([0, 0.1, 0.2, 0.3], [REFUSED] * 4, 4),  # a restart takes a moment
        ([0, 1, 2, 3], [REFUSED, CallResult(outcome=Outcome.SERVER_ERROR), REFUSED, REFUSED], 4),
        ([0, 1, 2, 3], [CallResult(outcome=Outcome.TIMEOUT)] * 4, 4),
    ],
    ids=["gone", "for a moment", "there", "slow"],
)
def test_a_host_is_given_up_after_some_failures_over_a_time(
    times: list[float], answers: list[CallResult], calls: int
) -> None:
    called: list[CallResult] = []
    now = [0.0]

    async def run() -> list[CallResult]:
        hosts, results = Hosts(lambda: now[0]), []
        for moment, answer in zip(times, answers, strict=True):
            now[0] = moment

            async def call(answer: CallResult = answer) -> CallResult:
                called.append(answer)
                return answer

            results.append(await hosts.called("gone.test", call))
        return results

    assert asyncio.run(run()) == answers
    assert len(called) == calls
