"""A harbour whose identifiers only its own answers tell: every operation that works is seen to work."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web

from tasks.calling.call import DirectCaller
from tasks.calling.outcome import Caller, CallResult, Outcome
from tasks.calling.params import CallingParams
from tasks.calling.verdict import outcome_of
from tasks.probing.params import ProbeParams
from tasks.probing.probe import Prober, probe_api
from tasks.probing.siblings import Answers, levels_first, plans_of
from tasks.transport.client import HttpClient
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

BERTH = "0b7a1f7e-52a5-4c53-9c3f-6f1f5b0f2f11"
# What there is, by address; anything else is not found, a search for anything else finds nothing.
HARBOUR: Mapping[str, Any] = {
    "/session": {"user": {"id": 77, "login": "ann"}, "operator": "northsea"},
    "/operators/northsea/quays": [{"code": "Q4"}],
    "/quays/Q4": {"length": 300},
    "/vessels": {
        "count": 2,
        "vessels": [{"imo": 9321483, "vesselId": 501, "name": "Emma"}, {"vesselId": 502}],
    },
    "/vessel/501": {"name": "Emma", "berths": 1},
    "/vessel/501/berths": {"berths": [{"uuid": BERTH}]},
    "/berth/" + BERTH: {"depth": 12},
    "/crews/501": {"captain": "Ida"},
    "/regions": ["north", "south"],
    "/depots?region=north": {"depots": []},
    "/depots?region=south": {"depots": [{"id": "d9", "label": "Old depot"}]},
    "/stock?depotId=d9": {"crates": 4},
    "/articles": {"data": [{"id": 3, "slug": "on-tides", "title": "On tides"}]},
    "/articles/on-tides": {"text": "They come and go."},
    "/alarms": {"vessels": [], "lamps": [{"name": "green-lamp"}]},
    "/alarms/501": {"raised": "never, so far"},
    "/lookup?q=Emma": [{"found": "Emma"}],
    "/vessel/501/permits": [],
    "/seas/{sea}": None,
    "/tugs": {"tugs": [{"url": "https://harbour.test/tugs/bulldog/?full=1", "built": 1988}]},
    "/tugs/bulldog": {"horsepower": 900},
    "/users/77": {"login": "ann"},
    "/users/77/notes": [{"id": "n1"}],
    "/users/77/notes/n1": {"text": "buy rope"},
}
OPERATIONS = (
    *("/session", "/operators/{operator}/quays", "/quays/{quayCode}", "/vessels", "/vessel/{vesselId}"),
    *("/vessel/{vesselId}/berths", "/berth/{berthUuid}", "/crews/{vesselId}", "/regions", "/depots?region"),
    *("/stock?depotId", "/articles", "/articles/{slug}", "/alarms", "/alarms/{vesselId}", "/lookup?q"),
    *("/vessel/{vesselId}/permits", "/vessel/{vesselId}/permits/{permitId}", "/users/{userId}"),
    *("/tugs", "/tugs/{tugId}"),
    *("/users/{userId}/notes", "/users/{userId}/notes/{noteId}"),
)


def operation(make_api: MakeApi, address: str) -> Api:
    path, _, query = address.partition("?")
    named = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "location": "path", "required": True, "type": "string"} for name in named]
    parameters += [{"name": name, "required": True, "type": "string"} for name in query.split("&") if name]
    return make_api(*parameters, api_id=address, api_name=address, url=f"http://harbour.test{path}")


def answering(pause: Callable[[int], float], seen: list[str]) -> Handler:
    async def answer(request: web.BaseRequest) -> web.Response:
        seen.append(request.raw_path)
        await asyncio.sleep(pause(len(seen)))
        if request.raw_path in HARBOUR:
            return web.json_response(HARBOUR[request.raw_path])
        return web.json_response([]) if request.path == "/lookup" else web.Response(status=404)

    return answer


def probed(apis: list[Api], base: str, concurrency: int) -> dict[str, list[tuple[str, str]]]:
    """The tries of each API with their outcomes."""
    plans = plans_of(apis)

    async def probe(caller: Caller) -> dict[str, list[tuple[str, str]]]:
        answers = Answers(source for plan in plans.values() for source in plan.sources)
        params = ProbeParams(attempts=3, spacing_s=0)
        prober = Prober(caller=caller, params=params, run_id="r", plans=plans, answers=answers)
        reports = await asyncio.gather(*(probe_api(api, prober) for api in levels_first(apis, plans)))
        return {
            report.verdict.api_id: [(row.arguments, row.outcome) for row in report.probes]
            for report in reports
        }

    async def over_http() -> dict[str, list[tuple[str, str]]]:
        async with HttpClient(
            timeout_s=5,
            max_bytes=100_000,
            concurrency=concurrency,
            per_host_rps=1000,
            resolve={"*.test": base},
            allow_hosts=[],
        ) as client:
            return await probe(DirectCaller(client, CallingParams()))

    return asyncio.run(over_http())


def test_identifiers_are_found_where_they_are(serve: Callable[[Handler], str], make_api: MakeApi) -> None:
    seen: list[str] = []
    apis = [operation(make_api, address) for address in OPERATIONS]
    tries = probed(apis, serve(answering(lambda _: 0.0, seen)), concurrency=8)
    first = {
        address: json.loads(tries[address][0][0])
        for address in OPERATIONS
        if "{" in address or "?" in address
    }
    assert first == {
        "/operators/{operator}/quays": {"operator": "northsea"},
        "/quays/{quayCode}": {"quayCode": "Q4"},
        "/vessel/{vesselId}": {"vesselId": 501},
        "/vessel/{vesselId}/berths": {"vesselId": 501},
        "/berth/{berthUuid}": {"berthUuid": BERTH},
        "/crews/{vesselId}": {"vesselId": 501},
        "/depots?region": {"region": "north"},
        "/stock?depotId": {"depotId": "d9"},
        "/articles/{slug}": {"slug": "on-tides"},
        "/alarms/{vesselId}": {"vesselId": 501},
        "/lookup?q": {"q": "Emma"},
        "/vessel/{vesselId}/permits": {"vesselId": 501},
        "/vessel/{vesselId}/permits/{permitId}": {"vesselId": 501, "permitId": "1"},
        "/tugs/{tugId}": {"tugId": "bulldog"},
        "/users/{userId}": {"userId": 77},
        "/users/{userId}/notes": {"userId": 77},
        "/users/{userId}/notes/{noteId}": {"userId": 77, "noteId": "n1"},
    }
    assert tries["/depots?region"][1] == ('{"region":"south"}', "ok")
    # The outer one is always one that there is, while the inner one, of which there is none, goes on.
    assert [json.loads(arguments) for arguments, _ in tries["/vessel/{vesselId}/permits/{permitId}"]] == [
        {"vesselId": 501, "permitId": "1"},
        {"vesselId": 502, "permitId": "2"},
        {"vesselId": 501, "permitId": "100"},
    ]
    assert len(seen) == 3 * len(OPERATIONS)


def test_what_is_tried_does_not_depend_on_who_answers_first(
    serve: Callable[[Handler], str], make_api: MakeApi
) -> None:
    apis = [operation(make_api, address) for address in OPERATIONS]
    one = probed(apis, serve(answering(lambda _: 0.0, [])), concurrency=1)
    many = probed(apis, serve(answering(lambda n: 0.002 * (n * 7 % 5), [])), concurrency=32)
    assert many == one


@pytest.mark.parametrize(
    ("tools", "arguments"),
    [
        ({"list_boats": {"boats": [{"id": "b7"}]}}, {"boat_id": "b7"}),
        ({"list_boats": [{"boat_id": "b7"}], "list_docks": [{"id": "d1"}]}, {"boat_id": "b7"}),
        ({"list_docks": [{"id": "d1"}], "status": {"boat": "b7", "tide": "low"}}, {"boat_id": "b7"}),
    ],
)
def test_tools_of_an_mcp_server_find_identifiers_too(
    make_api: MakeApi, tools: dict[str, Any], arguments: dict[str, Any]
) -> None:
    class Server:
        async def call(self, api: Api, given: Mapping[str, Any]) -> CallResult:
            body = tools.get(api.api_name, {"moored": True} if given == arguments else None)
            text = "" if body is None else json.dumps(body)
            outcome = outcome_of(200, "application/json", text, n_bytes=len(text))
            return CallResult(outcome=Outcome.NOT_FOUND if body is None else outcome, body=text or None)

    def tool(name: str, *parameters: dict[str, Any]) -> Api:
        usual = {"protocol": "mcp", "method": "POST", "api_id": name, "api_name": name}
        return make_api(*parameters, **usual, url=f"mcp://docks/{name}")

    apis = [tool(name) for name in tools] + [
        tool("get_boat", {"name": "boat_id", "location": "body", "required": True})
    ]
    plans = plans_of(apis)

    async def probe() -> list[str]:
        answers = Answers(source for plan in plans.values() for source in plan.sources)
        params = ProbeParams(attempts=1, spacing_s=0)
        prober = Prober(caller=Server(), params=params, run_id="r", plans=plans, answers=answers)
        reports = await asyncio.gather(*(probe_api(api, prober) for api in apis))
        return [row.arguments for report in reports for row in report.probes]

    assert json.loads(asyncio.run(probe())[-1]) == arguments
