"""Servers that speak the true protocol and misbehave where a test says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp import web
from commands import at_endpoint
from llm_server import Answer, ApplicationThread, Json, sends

N_TOOLS = 6
PAGE = ["--set", 'catalogue.sources=[{kind="hub", location="http://hub.sandbox.test", page_size=3}]']


def half(value: Any) -> Answer:
    """Promises the whole of this JSON value, sends half of it and hangs up."""
    body = orjson.dumps(value)

    async def answer(request: web.Request, _: Json) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


class TinyHub:
    """A hub of six tools with one API each, on two pages; paths in `faults` are answered as they say."""

    def __init__(self, faults: Mapping[str, Answer] | None = None) -> None:
        self._faults = faults or {}
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._serving = ApplicationThread(app)

    def __enter__(self) -> list[str]:
        """`--set` arguments that crawl this hub, page by page."""
        url = self._serving.__enter__()
        return [*PAGE, "--set", f'calling.resolve={{"*.sandbox.test" = "{url}"}}']

    def __exit__(self, *_: object) -> None:
        self._serving.__exit__()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        answer = self._faults.get(request.path_qs) or self._faults.get(request.path) or sends(_said(request))
        return await answer(request, {})


def _said(request: web.Request) -> Json:
    if request.host != "hub.sandbox.test":
        return {"city": request.query.get("city"), "temperature": 21, "unit": "celsius"}
    if request.path == "/collections":
        return {"collections": [{"name": "Travel", "tools": [tool["id"] for tool in _TOOLS]}]}
    if request.path == "/tools":
        page = int(request.query["page"])
        return tools_page(page)
    return next(tool for tool in _TOOLS if request.path == f"/tools/{tool['id']}")


def tools_page(page: int) -> Json:
    return {"page": page, "pages": 2, "total": N_TOOLS, "tools": _TOOLS[3 * page - 3 : 3 * page]}


def _tool(slug: str) -> Json:
    city = {"name": "city", "in": "query", "type": "string", "required": True, "example": "Oslo"}
    return {
        "id": f"Weather/{slug}",
        "category": "Weather",
        "name": slug.title(),
        "description": f"The {slug} of any city.",
        "host": f"http://{slug}.sandbox.test",
        "collections": ["Travel"],
        "apis": [
            {
                "name": f"Get {slug}",
                "description": f"Tells the {slug} of a city.",
                "method": "GET",
                "path": "/now",
                "parameters": [city],
            }
        ],
    }


_TOOLS = [_tool(slug) for slug in ("frost", "heat", "humidity", "rain", "snow", "wind")]


class Between:
    """Passes chat requests on to a true endpoint, except those that `fault` has another answer for."""

    def __init__(self, endpoint: str, fault: Callable[[Json], Answer | None]) -> None:
        self._endpoint = endpoint
        self._fault = fault
        app = web.Application(client_max_size=1 << 24)
        app.router.add_get("/v1/models", self._pass_on)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._serving = ApplicationThread(app)

    def __enter__(self) -> list[str]:
        """`--set` arguments that ask here."""
        return at_endpoint(f"{self._serving.__enter__()}/v1")

    def __exit__(self, *_: object) -> None:
        self._serving.__exit__()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body: Json = orjson.loads(await request.read())
        fault = self._fault(body)
        return await (fault(request, body) if fault is not None else self._pass_on(request))

    async def _pass_on(self, request: web.Request) -> web.Response:
        url = self._endpoint.removesuffix("/v1") + request.path
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=await request.read()) as answer,
        ):
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type
            )


class Wire:
    """A connection to a server that can be cut: from then on nobody answers at its address."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.url = self._to._replace(netloc=f"127.0.0.1:{port}").geturl()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """May be called more than once."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._connections.values():
            writer.transport.abort()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        far_reader, far_writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        del self._connections[task]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return  # cut, or hung up
    finally:
        writer.close()
