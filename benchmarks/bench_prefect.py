"""What Prefect costs: the same requests to the same slow endpoint, in task runs and without any.

    python benchmarks/bench_prefect.py [--requests N] [--latency SECONDS] [--in-flight N]

A running Prefect server, started for the benchmark, records 20 task runs of 100 requests each.  Then empty
task runs measure what one costs, client and server; times their number at the paper's size, that is a share
of the hours which the paper's requests take at the same latency and number in flight.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from flows.prefect.server import OwnServer, prepare_environment, wait_for_records
from tasks.transport.runtime import Runtime

PER_SHARD = 100
EMPTY_RUNS = 200
PAPER_TASK_RUNS, PAPER_REQUESTS = 1_200, 600_000
WALL, SHARE = 1.05, 0.02


def serve(latency_s: float) -> None:
    """The other process: an endpoint that takes its time; prints its address."""

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(latency_s)
        return web.json_response({"choices": []})

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1_024)
        await site.start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1/chat/completions", flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


def job(url: str, n_requests: int, in_flight: int) -> Callable[[], None]:
    """A function that makes a shard's requests through the runtime that all shards share."""
    runtime = Runtime()

    async def prepare() -> tuple[aiohttp.ClientSession, asyncio.Semaphore]:
        connector = aiohttp.TCPConnector(limit=0)
        return aiohttp.ClientSession(connector=connector), asyncio.Semaphore(in_flight)

    session, gate = runtime.run(prepare())

    async def ask() -> None:
        async with gate, session.post(url, json={"messages": []}) as response:
            await response.read()

    async def shard() -> None:
        await asyncio.gather(*(ask() for _ in range(min(PER_SHARD, n_requests))))

    return partial(_run, runtime, shard)


def _run(runtime: Runtime, shard: Callable[[], Coroutine[Any, Any, None]]) -> None:
    runtime.run(shard())


def without_prefect(run_shard: Callable[[], None], shards: int) -> float:
    begun = time.monotonic()
    with ThreadPoolExecutor(shards) as threads:
        for future in [threads.submit(run_shard) for _ in range(shards)]:
            future.result()
    return time.monotonic() - begun


def with_prefect(run_shard: Callable[[], None], shards: int) -> tuple[float, Any]:
    """Seconds, and the id of the flow run."""
    from prefect import flow, task  # noqa: PLC0415  it reads its settings when it is imported
    from prefect.context import get_run_context  # noqa: PLC0415
    from prefect.task_runners import ThreadPoolTaskRunner  # noqa: PLC0415

    @task(task_run_name="shard {number}")
    def shard_task(number: int) -> None:  # noqa: ARG001  it names the run
        run_shard()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=shards))  # type: ignore[arg-type] # Prefect's own variance
    def shards_flow() -> Any:
        for future in [shard_task.submit(number) for number in range(shards)]:
            future.result()
        return get_run_context().flow_run.id  # type: ignore[union-attr]

    begun = time.monotonic()
    run_id = shards_flow()
    return time.monotonic() - begun, run_id


def server_cpu(server: OwnServer) -> float:
    """CPU seconds that the server's processes have taken."""
    group = os.getpgid(server.child.process.pid)
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def cost_of_task_runs(server: OwnServer) -> tuple[float, int]:
    """CPU seconds of an empty task run, client and server; and how many records were lost."""
    before, cpu = server_cpu(server), time.process_time()
    _, run_id = with_prefect(lambda: None, EMPTY_RUNS)
    missing = wait_for_records(f"{server.url}/api", run_id, EMPTY_RUNS)
    spent = time.process_time() - cpu + server_cpu(server) - before
    return spent / EMPTY_RUNS, missing


def measure(url: str, server: OwnServer, options: argparse.Namespace) -> bool:
    shards = options.requests // PER_SHARD
    run_shard = job(url, options.requests, options.in_flight)
    plain = without_prefect(run_shard, shards)
    ours, run_id = with_prefect(run_shard, shards)
    lost = wait_for_records(f"{server.url}/api", run_id, shards)
    each, lost_empty = cost_of_task_runs(server)
    paper = PAPER_REQUESTS * options.latency / options.in_flight
    share = PAPER_TASK_RUNS * each / paper
    passed = ours / plain <= WALL and share <= SHARE and lost + lost_empty == 0
    print(f"{options.requests:,} requests of {options.latency:g} s, {options.in_flight} in flight")
    print(f"wall without Prefect {plain:.1f} s, with {ours:.1f} s: ratio {ours / plain:.3f} (goal {WALL})")
    print(
        f"a task run {1000 * each:.1f} ms CPU, client and server; {PAPER_TASK_RUNS:,} of them are "
        f"{100 * share:.2f} % of the paper's {paper / 3600:.1f} h (goal {100 * SHARE:g} %)"
    )
    print(f"records lost: {lost + lost_empty} of {shards + EMPTY_RUNS}    {'PASS' if passed else 'FAIL'}")
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description="What Prefect costs.")
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--latency", type=float, default=3.0)
    parser.add_argument("--in-flight", type=int, default=200)
    options = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f}; the goals are those of two cores of our own")
    command = [sys.executable, __file__, "serve", str(options.latency)]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as endpoint,  # noqa: S603  this very file
    ):
        prepare_environment(Path(folder), verbose=False)
        server = OwnServer(Path(folder))
        os.environ["PREFECT_API_URL"] = f"{server.url}/api"
        try:
            server.wait()
            assert endpoint.stdout is not None
            return 0 if measure(endpoint.stdout.readline().strip(), server, options) else 1
        finally:
            endpoint.kill()
            server.child.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(float(sys.argv[2]))
    else:
        sys.exit(main())
