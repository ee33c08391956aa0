"""A scripted model endpoint: a real HTTP server in a thread, for the tests of this folder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from aiohttp import web

Json = dict[str, Any]
Answer = Callable[[web.Request, Json], Awaitable[web.StreamResponse]]


def completion(message: Json | None = None, **fields: Any) -> Json:
    """A chat completion as OpenAI writes it, with `fields` in the place of its own."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m-2026",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": message or {"role": "assistant", "content": "hello"},
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
        **fields,
    }


def sends(value: Any, status: int = 200, **headers: str) -> Answer:
    """Answers with this JSON value, or with this text."""
    body = value.encode() if isinstance(value, str) else orjson.dumps(value)
    kind = "text/html" if isinstance(value, str) else "application/json"

    async def answer(_: web.Request, __: Json) -> web.StreamResponse:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return web.Response(body=body, status=status, content_type=kind, headers=named)

    return answer


def fails(status: int, message: str = "no", code: str = "", param: str = "", **headers: str) -> Answer:
    """Answers with OpenAI's error object."""
    return sends({"error": {"message": message, "code": code, "param": param}}, status, **headers)


def drops() -> Answer:
    """Closes the connection without an answer."""

    async def answer(request: web.Request, _: Json) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        await asyncio.sleep(10)
        raise AssertionError("unreachable: the connection is gone")

    return answer


def waits(seconds: float, then: Answer) -> Answer:
    async def answer(request: web.Request, body: Json) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await then(request, body)

    return answer


OK = sends(completion())


class ApplicationThread:
    """Serves an aiohttp application on a loopback port; entering gives its address."""

    def __init__(self, app: web.Application, port: int = 0) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()


class ModelServer:
    """Answers the n-th chat request with the n-th answer of the script, and the rest with `otherwise`."""

    def __init__(
        self, *script: Answer, otherwise: Answer = OK, models: Answer | Sequence[str] = ("m",), port: int = 0
    ) -> None:
        self.url = ""
        self.requests: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.n_listings = 0
        self.most_in_flight = 0
        self._in_flight = 0
        self._script = list(script)
        self._otherwise = otherwise
        self._models = models if callable(models) else sends({"data": [{"id": name} for name in models]})
        app = web.Application(client_max_size=1 << 24)
        app.router.add_get("/v1/models", self._list)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._app = app
        self._serving = ApplicationThread(app, port)

    def add_get(self, path: str, answer: Answer) -> None:
        """A further route; before it is entered."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await answer(request, {})

        self._app.router.add_get(path, handle)

    def add_post(self, path: str, answer: Answer) -> None:
        """Likewise; what it is asked is among the `requests`."""

        async def handle(request: web.Request) -> web.StreamResponse:
            body: Json = orjson.loads(await request.read())
            self.requests.append(body)
            return await answer(request, body)

        self._app.router.add_post(path, handle)

    def __enter__(self) -> ModelServer:
        self.url = self._serving.__enter__() + "/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.__exit__()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self.n_listings += 1
        return await self._models(request, {})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body: Json = orjson.loads(await request.read())
        self.requests.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        answer = self._script.pop(0) if self._script else self._otherwise
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            return await answer(request, body)
        finally:
            self._in_flight -= 1
