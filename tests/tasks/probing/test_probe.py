import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from tasks.calling.call import DirectCaller
from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.params import CallingParams
from tasks.errors import OverBudget, RequestRefused
from tasks.llm.chat import ChatRequest, Reply
from tasks.probing.identifiers import Answered
from tasks.probing.params import ProbeParams
from tasks.probing.probe import Hosts, Prober, ProbeReport, probe_api
from tasks.probing.siblings import Answers, levels_first, plans_of
from tasks.transport.client import HttpClient
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Probe, ShapeLeaf, Verdict

MakeApi = Callable[..., Api]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], str]

NOW = datetime(2024, 5, 1, tzinfo=UTC)
QUICKLY = ProbeParams(attempts=3, spacing_s=0)


def ticking() -> Callable[[], datetime]:
    """A clock that goes on by a second whenever it is looked at."""
    seconds = iter(range(1000))
    return lambda: NOW + timedelta(seconds=next(seconds))


def probe_all(
    apis: Sequence[Api], base: str, params: ProbeParams = QUICKLY, **given: Any
) -> list[ProbeReport]:
    """The reports, in the order given, latencies left out."""
    calling = CallingParams(**given.pop("calling", {}))
    plans = plans_of(apis)

    async def run() -> list[ProbeReport]:
        client = HttpClient(
            timeout_s=5,
            max_bytes=100_000,
            concurrency=4,
            per_host_rps=1000,
            resolve={"*.test": base},
            allow_hosts=[],
        )
        async with client:
            usual: dict[str, Any] = {
                "plans": plans,
                "answers": Answers(source for plan in plans.values() for source in plan.sources),
                "clock": ticking(),
            }
            prober = Prober(
                caller=DirectCaller(client, calling), params=params, run_id="r1", **(usual | given)
            )
            return await asyncio.gather(*(probe_api(api, prober) for api in levels_first(apis, plans)))

    reports = {report.verdict.api_id: report for report in asyncio.run(run())}
    return [
        ProbeReport(
            tuple(replace(row, latency_ms=0.0) for row in reports[api.api_id].probes),
            replace(reports[api.api_id].verdict, median_latency_ms=None),
        )
        for api in apis
    ]


def probe(api: Api, base: str, params: ProbeParams = QUICKLY, **given: Any) -> ProbeReport:
    return probe_all([api], base, params, **given)[0]


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
    api = make_api({"name": "q", "required": True, "default": '"Oslo"'})
    report = probe(api, serve(flaky(2)), conditions={api.api_id: "as ever"})
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
        shape=None,
    )
    failed_again = replace(failed, attempt=1, probed_at=NOW + timedelta(seconds=1))
    body = '{"asked": "/v1/forecast?q=Oslo"}'
    answered = replace(
        failed,
        attempt=2,
        outcome="ok",
        http_status=200,
        n_bytes=len(body),
        body_head=body,
        probed_at=NOW + timedelta(seconds=2),
        shape=(ShapeLeaf(path="asked", type="string"),),
    )
    verdict = Verdict(
        api_id="Weather/sky/forecast",
        works=True,
        effective=True,
        kept=True,
        reason="ok",
        median_latency_ms=None,
        n_attempts=3,
        example_response='{"asked":"/v1/forecast?q=Oslo"}',
        probed_at=NOW + timedelta(seconds=2),
        conditions="as ever",
        example_arguments='{"q":"Oslo"}',
    )
    assert report == ProbeReport((failed, failed_again, answered), verdict)


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


async def pets(request: web.BaseRequest) -> web.Response:
    """A shop with two pets, each with visits; nothing else exists."""
    answers = {
        "/pets": [{"petId": 41}, {"petId": 42}],
        "/pets/41": {"name": "Rex"},
        "/pets/41/visits": {"visits": [{"id": "a"}]},
        "/pets/41/visits/a": {"cost": 30},
    }
    await asyncio.sleep(0.02 if request.path == "/pets" else 0)
    if request.path not in answers:
        return web.json_response({"error": "no such thing"}, status=404)
    return web.json_response(answers[request.path])


def at(make_api: MakeApi, path: str, **fields: Any) -> Api:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "location": "path", "required": True} | fields for name in names]
    return make_api(*parameters, api_id=path, url=f"http://shop.test{path}")


def test_identifiers_come_from_the_answers_of_lists(serve: Serve, make_api: MakeApi) -> None:
    paths = ("/pets/{petId}/visits/{visitId}", "/pets/{petId}", "/pets/{id}/visits", "/pets")
    reports = probe_all([at(make_api, path) for path in paths], serve(pets))
    assert [outcomes(report)[0] for report in reports] == [
        ('{"petId":41,"visitId":"a"}', "ok"),
        ('{"petId":41}', "ok"),
        ('{"id":41}', "ok"),
        ("{}", "ok"),
    ]
    assert all(report.verdict.kept for report in reports)


def test_a_documented_identifier_goes_first_and_found_ones_after_it(serve: Serve, make_api: MakeApi) -> None:
    apis = [at(make_api, "/pets"), at(make_api, "/pets/{petId}", default="7")]
    assert outcomes(probe_all(apis, serve(pets))[1]) == [
        ('{"petId":7}', "not_found"),
        ('{"petId":41}', "ok"),
        ('{"petId":41}', "ok"),
    ]


def test_a_list_that_does_not_answer_holds_nobody_up(serve: Serve, make_api: MakeApi) -> None:
    async def broken_list(request: web.BaseRequest) -> web.Response:
        return web.json_response({"asked": request.path}, status=500 if request.path == "/pets" else 200)

    reports = probe_all([at(make_api, "/pets"), at(make_api, "/pets/{petId}")], serve(broken_list))
    assert outcomes(reports[1])[0] == ('{"petId":"1"}', "ok")


def test_an_answer_from_before_gives_identifiers_too(serve: Serve, make_api: MakeApi) -> None:
    api, listing = at(make_api, "/pets/{petId}"), at(make_api, "/pets")
    earlier = Answers(earlier={"/pets": Answered({}, '[{"petId": 41}]')})
    report = probe(api, serve(pets), plans=plans_of([api, listing]), answers=earlier)
    assert outcomes(report)[0] == ('{"petId":41}', "ok")


class Guesses:
    """A model that answers with the next of its replies and remembers what it was asked."""

    name = "guesses"

    def __init__(self, *replies: str | Exception) -> None:
        self.asked: list[str] = []
        self._replies = list(replies)

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        assert (row_id, ordinal) == ("Weather/sky/forecast", 0)
        self.asked.append(request.transcript.messages()[-1].content or "")
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return Reply(content=reply)


async def wants_xyzzy(request: web.BaseRequest) -> web.Response:
    """Knows one word, and where it is said."""
    if request.query.get("xyzzy") != "plugh":
        return web.json_response({"error": "say the word"}, status=400)
    return web.json_response({"where": request.query.get("cave", "anywhere")})


def test_a_model_fills_in_what_nothing_else_does(serve: Serve, make_api: MakeApi) -> None:
    api = make_api({"name": "xyzzy", "required": True}, {"name": "city", "required": True})
    model = Guesses('{"arguments": {"xyzzy": "plugh", "city": "Ghent", "unknown": 1}}')
    report = probe(api, serve(wants_xyzzy), model=model)
    assert outcomes(report) == [('{"xyzzy":"plugh","city":"New York"}', "ok")] * 3
    assert ['["xyzzy"]' in asked for asked in model.asked] == [True]


def test_a_model_is_shown_what_was_refused_before_the_last_try(serve: Serve, make_api: MakeApi) -> None:
    api = make_api({"name": "xyzzy", "required": True, "default": '"hello"'}, {"name": "cave"})
    model = Guesses('{"xyzzy": "plugh", "cave": "Y2"}')
    report = probe(api, serve(wants_xyzzy), model=model)
    assert outcomes(report) == [
        ('{"xyzzy":"hello"}', "client_error"),
        ('{"xyzzy":"hello"}', "client_error"),
        ('{"xyzzy":"plugh","cave":"Y2"}', "ok"),
    ]
    (asked,) = model.asked
    assert asked.count('answer: client_error (400): {"error": "say the word"}') == 2


def test_a_model_is_not_asked_when_the_documentation_serves(serve: Serve, make_api: MakeApi) -> None:
    model = Guesses()
    api = make_api({"name": "xyzzy", "required": True, "default": '"plugh"'}, {"name": "cave"})
    assert probe(api, serve(wants_xyzzy), model=model).verdict.kept
    assert probe(make_api(), serve(flaky(99)), model=model).verdict.reason == "server_error"
    assert probe(make_api(), serve(wants_xyzzy), model=model).verdict.reason == "client_error"
    unsafe = make_api({"name": "xyzzy", "required": True}, method="DELETE")
    assert probe(unsafe, serve(wants_xyzzy), model=model).verdict.reason == "unsafe_skipped"
    assert model.asked == []


@pytest.mark.parametrize(
    "reply",
    [
        "I would rather not say.",
        "[1, 2]",
        '{"arguments": "plugh"}',
        '{"arguments": {"xyzzy": ""}}',
        '{"arguments": {"xyzzy": "' + "x" * 2000 + '"}}',
        '{"arguments": {"xyzzy": ' + "[" * 1000 + "]" * 1000 + "}}",
        RequestRefused("refused", "the endpoint does not want to"),
    ],
    ids=["prose", "a list", "no object", "blank", "long", "an abyss", "refused"],
)
def test_a_bad_reply_fails_no_probe(serve: Serve, make_api: MakeApi, reply: str | Exception) -> None:
    api = make_api({"name": "xyzzy", "required": True})
    report = probe(api, serve(wants_xyzzy), model=Guesses(reply))
    assert outcomes(report)[0] == ('{"xyzzy":"test"}', "client_error")
    assert len(report.probes) == 3


def test_what_stops_the_run_stops_those_that_wait_as_well(serve: Serve, make_api: MakeApi) -> None:
    listing = make_api({"name": "xyzzy", "required": True}, url="http://shop.test/pets")
    with pytest.raises(OverBudget):
        probe_all([listing, at(make_api, "/pets/{petId}")], serve(pets), model=Guesses(OverBudget("no more")))


def test_other_apis_are_tried_while_one_waits(serve: Serve, make_api: MakeApi) -> None:
    """A pause holds no place among the calls in flight: of fifty APIs, four at a time."""
    apis = [make_api(api_id=f"api {n}") for n in range(50)]
    started = time.monotonic()
    reports = probe_all(apis, serve(flaky(0)), ProbeParams(attempts=3, spacing_s=0.3))
    assert all(report.verdict.kept for report in reports)
    assert 0.6 <= time.monotonic() - started < 3


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
