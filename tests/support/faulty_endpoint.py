"""A faulty line to a model endpoint: passes requests on, and goes wrong at seeded rates.

    python tests/support/faulty_endpoint.py ENDPOINT [--down-after N] [--down-s S]

Prints its address.  10 % of the requests are refused with 429, 5 % with 500, 3 % of the connections
are dropped, 2 % of the answers are cut off in the middle, and 1 % never come.  After N requests nobody
is there for S seconds.  What goes wrong depends on the request and on how often it came, so that it is the
same in every run.  GET /stats counts what was done.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
from collections import Counter

import aiohttp
from aiohttp import web

RATES = {"refused": 0.10, "failed": 0.05, "dropped": 0.03, "cut": 0.02, "never": 0.01}


class FaultyEndpoint:
    """The server; `run` never returns."""

    def __init__(self, endpoint: str, *, down_after: int | None, down_s: float) -> None:
        self._upstream = endpoint.removesuffix("/v1")
        self._down_after = down_after
        self._down_s = down_s
        self._arrived: Counter[bytes] = Counter()
        self._done: Counter[str] = Counter()
        self._is_down = False
        self._app = web.Application(client_max_size=1 << 24)
        self._app.router.add_get("/stats", self._stats)
        self._app.router.add_get("/v1/models", self._models)
        self._app.router.add_post("/v1/chat/completions", self._chat)

    async def run(self) -> None:
        runner = web.AppRunner(self._app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        print(f"http://127.0.0.1:{port}/v1", flush=True)  # noqa: T201
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(self._upstream, connector=connector) as self._session:
            while self._down_after is None or self._arrived.total() < self._down_after:
                await asyncio.sleep(0.01)
            self._is_down = True
            await site.stop()
            await asyncio.sleep(self._down_s)
            self._is_down = False
            await web.TCPSite(runner, "127.0.0.1", port).start()
            await asyncio.Event().wait()

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response({**self._done, "requests": self._done.total()})

    async def _models(self, request: web.Request) -> web.Response:
        async with self._session.get(request.path) as answer:
            return web.Response(body=await answer.read(), content_type=answer.content_type)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self._is_down:
            return await self._dropped(request)
        what = self._fate(body)
        self._done[what] += 1
        if what == "refused":
            return web.json_response({"error": {"message": "slow down"}}, status=429)
        if what == "failed":
            return web.json_response({"error": {"message": "oops"}}, status=500)
        if what == "dropped":
            return await self._dropped(request)
        if what == "never":
            await asyncio.sleep(3600)
        async with self._session.post(request.path, data=body) as answer:
            text = await answer.read()
        text = text[: len(text) // 2] if what == "cut" else text
        return web.Response(body=text, status=answer.status, content_type=answer.content_type)

    def _fate(self, body: bytes) -> str:
        digest = hashlib.blake2b(body, digest_size=8).digest()
        self._arrived[digest] += 1
        seed = digest + self._arrived[digest].to_bytes(4)
        drawn = int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest()) / 2**64
        for what, rate in RATES.items():
            if drawn < rate:
                return what
            drawn -= rate
        return "passed"

    async def _dropped(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        await asyncio.sleep(3600)
        raise AssertionError("unreachable: the connection is gone")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--down-after", type=int)
    parser.add_argument("--down-s", type=float, default=0.0)
    asked = parser.parse_args()
    asyncio.run(FaultyEndpoint(asked.endpoint, down_after=asked.down_after, down_s=asked.down_s).run())


if __name__ == "__main__":
    main()
