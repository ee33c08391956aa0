"""Calls in flight while tries are spread over time: what `[probe] spacing_s` costs a large catalogue.

    python benchmarks/bench_probing.py

3,920 APIs in shards of 490, all eight at once as the probe stage runs them, three tries each, at most 200
calls in flight, against a real server that answers after half a second.  All times are halved: 5 s between
tries here are the 10 s of the default between calls of one second.  The figure is the time that the spread
tries take, over the time of tries one right after the other.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
from catalogue import a_parameter, an_api

from tasks.calling.call import DirectCaller
from tasks.calling.params import CallingParams
from tasks.probing.params import ProbeParams
from tasks.probing.probe import Prober, ProbeReport, probe_api
from tasks.transport.client import HttpClient
from tasks.transport.runtime import Runtime
from warehouse.tables.catalogue import Api

GOAL = 1.25
APIS = 3920
APIS_A_SHARD = 490
SHARDS_AT_ONCE = 8
IN_FLIGHT = 200
LATENCY_S = 0.5
SPACING_S = ProbeParams().spacing_s / 2


def main() -> None:
    command = [sys.executable, __file__, "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  this very file
        assert server.stdout is not None
        base = f"http://127.0.0.1:{int(server.stdout.readline())}"
        try:
            at_once, spread = (measured(base, spacing_s) for spacing_s in (0, SPACING_S))
        finally:
            server.terminate()
    ratio = spread / at_once
    floor_s = APIS * 3 * LATENCY_S / IN_FLIGHT
    print(f"{APIS:,} APIs, 3 tries each, {IN_FLIGHT} calls in flight at most: at least {floor_s:.0f} s")
    for name, seconds in (("one right after the other", at_once), (f"{SPACING_S:g} s apart", spread)):
        busy = floor_s / seconds * IN_FLIGHT
        print(f"  tries {name:<26} {seconds:5.1f} s, {busy:3.0f} calls in flight on average")
    print(f"{ratio:.2f} times as long (goal: {GOAL}): {'PASS' if ratio <= GOAL else 'FAIL'}")
    raise SystemExit(ratio > GOAL)


def measured(base: str, spacing_s: float) -> float:
    """Seconds that probing all APIs takes."""
    apis = [api(number) for number in range(APIS)]
    shards = [apis[start : start + APIS_A_SHARD] for start in range(0, APIS, APIS_A_SHARD)]
    with Runtime() as runtime:
        client = runtime.enter(
            HttpClient(
                timeout_s=30,
                max_bytes=10_000,
                concurrency=IN_FLIGHT,
                per_host_rps=1000,
                resolve={"*.test": base},
                allow_hosts=[],
            )
        )
        prober = Prober(
            caller=DirectCaller(client, CallingParams()),
            params=ProbeParams(attempts=3, spacing_s=spacing_s),
            run_id="bench",
        )

        async def probe_one(row: Api) -> ProbeReport:
            return await probe_api(row, prober)

        def probe_shard(shard: list[Api]) -> int:
            mapped = runtime.map(probe_one, shard, window=len(shard))
            return sum(report.verdict.kept for _, report in mapped.done)

        started = time.monotonic()
        with ThreadPoolExecutor(SHARDS_AT_ONCE) as threads:
            kept = sum(threads.map(probe_shard, shards))
        assert kept == APIS, f"{kept} of {APIS} APIs answered"
        return time.monotonic() - started


def api(number: int) -> Api:
    tool = number // 5
    return an_api(
        f"Bench/tool {tool}/api {number}",
        function_name=f"api_{number}",
        description="An API of the benchmark.",
        url=f"http://tool{tool}.test/{number}",
        parameters=(a_parameter("city", required=True, description="A city."),),
    )


async def serve() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(LATENCY_S)
        return web.json_response({"asked": request.path, "items": [{"id": number} for number in range(10)]})

    runner = web.ServerRunner(web.Server(answer), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve()) if sys.argv[1:] == ["serve"] else main()
