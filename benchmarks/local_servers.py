"""Servers for benchmarks, in processes of their own, and how long an endpoint takes to answer."""

from __future__ import annotations

import asyncio
import heapq
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import aiohttp
from aiohttp import web

MEDIAN_S, SIGMA, FIXED_S = 0.3, 0.5, 3.0


def latencies(kind: str, n: int) -> list[float]:
    """Seconds of n answers: lognormal, fixed, or none at all; the same ones for everybody."""
    if kind == "none":
        return []
    draw = random.Random(1)  # noqa: S311 - seeded, so that all sides wait alike
    return [FIXED_S if kind == "fixed" else MEDIAN_S * draw.lognormvariate(0, SIGMA) for _ in range(n)]


def ideal_s(waits: Sequence[float], slots: int) -> float:
    """What so many slots that lose no time take for these answers."""
    free = [0.0] * slots
    for wait in waits:
        heapq.heapreplace(free, free[0] + wait)
    return max(free)


def endpoint(reply: Callable[[bytes], bytes]) -> web.Application:
    """A model endpoint.  POST /begin?kind=lognormal&n=1000 sets the latencies of what comes next."""
    waits: list[float] = []

    async def begin(request: web.Request) -> web.Response:
        waits[:] = reversed(latencies(request.query["kind"], int(request.query["n"])))
        return web.Response()

    async def answer(request: web.Request) -> web.Response:
        wait = waits.pop() if waits else 0.0
        body = await request.read()
        await asyncio.sleep(wait)
        return web.Response(body=reply(body), content_type="application/json")

    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/begin", begin)
    app.router.add_post("/v1/chat/completions", answer)
    return app


async def begin(endpoint_url: str, kind: str, n: int) -> None:
    """Tells an `endpoint` how long its next n answers take."""
    address = f"{endpoint_url.removesuffix('/v1')}/begin?kind={kind}&n={n}"
    async with aiohttp.ClientSession() as session, session.post(address):
        pass


def serve(app: web.Application) -> None:
    """Prints its address, then answers until it is killed."""

    async def run() -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def started(*command: str) -> Iterator[str]:
    """The address of a server: `python COMMAND` in a process of its own, which ends with the block."""
    with subprocess.Popen(  # noqa: S603  our own files
        [sys.executable, *command], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()
