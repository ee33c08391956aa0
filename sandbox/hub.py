"""The hub: a marketplace listing over HTTP, and the APIs it lists.

The listing answers on `hub.sandbox.test` (or any other name), each tool on `<slug>.sandbox.test`,
and, for people with a browser, under `/apis/<slug>/` as well.  On `toolbench.sandbox.test`, and under
`/toolbench/`, a ToolBench service executes the APIs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox import catalogue, listing, toolbench
from sandbox.arguments import Arguments, InvalidArgument, arguments_of
from sandbox.changes import Change, changed
from sandbox.declare import Api, Refusal, Tool, unprocessable
from sandbox.faults import Exchange, Fault, error_response, respond
from sandbox.marketplace import ALIAS, Marketplace, encoded
from sandbox.toolbench import ToolbenchService

_Raw = dict[str, str | list[str]]
_Answered = tuple[str, web.StreamResponse]


def build_hub(*, make_up_answers: bool = False, changes: Sequence[Change] = ()) -> web.Application:
    """The hub with its whole catalogue, ready to be served.

    make_up_answers: its ToolBench service answers calls of functions that are not in the catalogue, too.
    changes: what has become of the catalogue.
    """
    tools = changed(catalogue.tools(), changes)
    service = ToolbenchService(tools, make_up=make_up_answers)
    hub = _Hub(tools, catalogue.COLLECTIONS, service)
    app = web.Application()
    app.cleanup_ctx.append(hub.lifetime)
    app.router.add_route("*", "/{path:.*}", hub.handle)
    return app


@dataclass(frozen=True, slots=True)
class _Route:
    """An API with what it takes to recognise its path."""

    api: Api
    arguments: Arguments
    pattern: re.Pattern[str]


class _Hub:
    """Dispatches requests to the listing and the APIs.  Its only state: how often a request came before."""

    def __init__(
        self, tools: Sequence[Tool], collections: Sequence[catalogue.Collection], service: ToolbenchService
    ) -> None:
        # One thread: the libraries need not be thread-safe, and loading them never blocks the loop.
        self._computing = ThreadPoolExecutor(1, thread_name_prefix="hub-computing")
        self._marketplace = Marketplace(tools, collections, self._computing)
        self._service = service
        self._routes = {tool.slug: [_route(api) for api in tool.apis] for tool in tools}
        self._seen: Counter[bytes] = Counter()
        self._outcomes: Counter[str] = Counter()

    async def lifetime(self, _: web.Application) -> AsyncIterator[None]:
        """Loads the libraries in the background, so that the first caller need not wait for them."""
        warming = asyncio.create_task(self._marketplace.warm())
        yield
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)
        await self._marketplace.close()
        await self._service.close()
        self._computing.shutdown(cancel_futures=True)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers any request to any of the hub's host names."""
        host, path = request.host.partition(":")[0], request.rel_url.raw_path
        response: web.StreamResponse
        if host == toolbench.HOST:
            outcome, response = "toolbench", await self._service.handle(path, request)
        elif host.endswith(f".{listing.DOMAIN}") and host != listing.HUB_HOST:
            outcome, response = await self._on_tool(host.removesuffix(f".{listing.DOMAIN}"), path, request)
        elif path.startswith(ALIAS):
            slug, _, rest = path.removeprefix(ALIAS).partition("/")
            outcome, response = await self._on_tool(slug, f"/{rest}", request)
        elif path.startswith(toolbench.ALIAS):
            name = path.removeprefix(toolbench.ALIAS)
            outcome, response = "toolbench", await self._service.handle(f"/{name}", request)
        elif path == "/stats":
            outcome, response = "stats", self._statistics()
        else:
            outcome, response = "listing", await self._marketplace.handle(path, request)
        self._outcomes[outcome] += 1
        return response

    def _statistics(self) -> web.Response:
        total = sum(self._outcomes.values())
        return _json({"requests": total, "by_outcome": dict(sorted(self._outcomes.items()))})

    async def _on_tool(self, slug: str, path: str, request: web.Request) -> _Answered:
        matches = [
            (route, match)
            for route in self._routes.get(slug, [])
            if (match := route.pattern.fullmatch(path.rstrip("/") or "/"))
        ]
        if not matches:
            return "unknown_path", error_response(404, "unknown_path", f"Nothing is served at {path}")
        method = "GET" if request.method == "HEAD" else request.method
        for route, match in matches:
            if route.api.method == method:
                return await self._call(slug, route, _raw_arguments(route.arguments, match, request), request)
        return "wrong_method", error_response(405, "method_not_allowed", f"{method} is not served here")

    async def _call(self, slug: str, route: _Route, raw: _Raw, request: web.Request) -> _Answered:
        body = await request.read()

        async def answer() -> web.Response:
            return (await self._answered(route, raw, body))[1]

        api = route.api
        if api.fault is None:
            return await self._answered(route, raw, body)
        identity = json.dumps([slug, api.method, api.path, raw, body.decode(errors="replace")])
        digest = hashlib.sha256(identity.encode()).digest()
        earlier = self._seen[digest]
        if api.fault is Fault.FLAKY:
            self._seen[digest] += 1
        number = int.from_bytes(digest[:6], "big")
        exchange = Exchange(request=request, digest=number, earlier=earlier, answer=answer)
        return api.fault.value, await respond(api.fault, exchange)

    async def _answered(self, route: _Route, raw: _Raw, body: bytes) -> tuple[str, web.Response]:
        loop = asyncio.get_running_loop()
        try:
            values = route.arguments.parse(raw) | _body_arguments(body)
            answer = await loop.run_in_executor(self._computing, _computed, route, values)
        except InvalidArgument as error:
            response = error_response(error.status, error.code, str(error), parameter=error.parameter)
            return "invalid_arguments", response
        except Refusal as refusal:
            return "refused", error_response(refusal.status, refusal.code, str(refusal))
        return "answered", web.Response(body=answer, content_type="application/json")


def _route(api: Api) -> _Route:
    escaped = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(api.path))
    return _Route(api, arguments_of(api), re.compile(escaped))


def _computed(route: _Route, values: Mapping[str, Any]) -> bytes:
    undefined = unprocessable("the result is too large, or not defined, for these arguments")
    try:
        answer = route.arguments.compute(values)
    except ArithmeticError:
        raise undefined from None
    try:
        return encoded(listing.drifted(answer) if route.api.drifts else answer)
    except ValueError:  # infinite, or not a number
        raise undefined from None


def _raw_arguments(arguments: Arguments, match: re.Match[str], request: web.Request) -> _Raw:
    raw: _Raw = {name: unquote(text) for name, text in match.groupdict().items()}
    for name in arguments.schemas:
        place = arguments.location(name)
        if place == "query" and (values := request.query.getall(name, [])):
            raw[name] = values if len(values) > 1 else values[0]
        elif place == "header" and name in request.headers:
            raw[name] = request.headers[name]
    return raw


def _body_arguments(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        message = f"the body is not valid JSON: {error}"
        raise InvalidArgument(message, parameter="body", missing=False) from None
    if not isinstance(values, dict):
        raise InvalidArgument("the body must be a JSON object", parameter="body", missing=False)
    return values


def _json(value: Any) -> web.Response:
    return web.Response(body=encoded(value), content_type="application/json")
