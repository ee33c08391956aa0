"""The hub: a marketplace listing over HTTP, and the APIs it lists.

The listing answers on `hub.sandbox.test` (or any other name), each tool on `<slug>.sandbox.test`,
and, for people with a browser, under `/apis/<slug>/` as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox import catalogue, listing
from sandbox.arguments import Arguments, InvalidArgument, arguments_of
from sandbox.declare import Api, Refusal, Tool
from sandbox.faults import DEMO_KEY, Exchange, Fault, error_response, respond

_LOG = logging.getLogger(__name__)
_ALIAS = "/apis/"


@dataclass(frozen=True, slots=True)
class _Route:
    """An API with what it takes to recognise its path."""

    api: Api
    arguments: Arguments
    pattern: re.Pattern[str]


class Hub:
    """The request handlers of the hub and what they count.  All state is counts of earlier requests."""

    def __init__(self, tools: Sequence[Tool], collections: Sequence[catalogue.Collection]) -> None:
        self._tools = {tool.slug: tool for tool in tools}
        self._ids = {listing.tool_id(tool): tool for tool in tools}
        self._collections = collections
        self._routes = {tool.slug: [_route(api) for api in tool.apis] for tool in tools}
        self._details: dict[str, asyncio.Task[bytes]] = {}
        self._seen: Counter[bytes] = Counter()
        self._outcomes: Counter[str] = Counter()
        # One thread: the libraries need not be thread-safe, and their start never blocks the loop.
        self._computing = ThreadPoolExecutor(1, thread_name_prefix="hub-computing")

    async def lifetime(self, _: web.Application) -> AsyncIterator[None]:
        """Loads the libraries in the background, so that the first caller need not wait for them."""
        warming = asyncio.create_task(self._warm())
        yield
        warming.cancel()
        await asyncio.gather(warming, *self._details.values(), return_exceptions=True)
        self._computing.shutdown(cancel_futures=True)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers any request to any of the hub's host names."""
        host = request.host.partition(":")[0]
        path = request.rel_url.raw_path
        if host.endswith(f".{listing.DOMAIN}") and host != listing.HUB_HOST:
            outcome, response = await self._on_tool(host.removesuffix(f".{listing.DOMAIN}"), path, request)
        elif path.startswith(_ALIAS):
            slug, _, rest = path.removeprefix(_ALIAS).partition("/")
            outcome, response = await self._on_tool(slug, f"/{rest}", request)
        else:
            outcome, response = "listing", await self._on_listing(path, request)
        self._outcomes[outcome] += 1
        return response

    async def _warm(self) -> None:
        for tool in self._tools.values():
            await self._detail(tool)

    def _detail(self, tool: Tool) -> asyncio.Task[bytes]:
        if tool.slug not in self._details:
            self._details[tool.slug] = asyncio.create_task(self._compute_detail(tool))
        return self._details[tool.slug]

    async def _compute_detail(self, tool: Tool) -> bytes:
        identifier = listing.tool_id(tool)
        names = [group.name for group in self._collections if identifier in group.tools]
        loop = asyncio.get_running_loop()
        return _encoded(await loop.run_in_executor(self._computing, listing.tool_detail, tool, names))

    async def _on_listing(self, path: str, request: web.Request) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            return error_response(405, "method_not_allowed", "The listing is read with GET")
        tools = tuple(self._tools.values())
        match unquote(path).rstrip("/").split("/"):
            case [""]:
                return web.Response(text=self._index(str(request.url.origin())), content_type="text/html")
            case ["", "categories"]:
                return _answer(listing.categories(tools))
            case ["", "collections"]:
                return _answer({"collections": [group.entry() for group in self._collections]})
            case ["", "tools"]:
                return _page(tools, request.query)
            case ["", "tools", category, slug] if f"{category}/{slug}" in self._ids:
                detail = await asyncio.shield(self._detail(self._tools[slug]))
                return web.Response(body=detail, content_type="application/json")
            case ["", "stats"]:
                total = sum(self._outcomes.values())
                return _answer({"requests": total, "by_outcome": dict(sorted(self._outcomes.items()))})
        return error_response(404, "not_found", f"The hub has nothing at {path}")

    def _index(self, origin: str) -> str:
        # The page is built from our own catalogue, yet escaped all the same.
        templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True
        )
        groups: dict[str, list[dict[str, Any]]] = {}
        for identifier, tool in sorted(self._ids.items()):
            line = listing.curl(f"{origin}{_ALIAS}{tool.slug}", _showpiece(tool))
            groups.setdefault(tool.category, []).append({"id": identifier, "tool": tool, "curl": line})
        n_apis = sum(len(tool.apis) for tool in self._tools.values())
        page = templates.get_template("index.html.jinja")
        return page.render(groups=groups, collections=self._collections, n_apis=n_apis, demo_key=DEMO_KEY)

    async def _on_tool(self, slug: str, path: str, request: web.Request) -> tuple[str, web.StreamResponse]:
        found = [
            (route, match)
            for route in self._routes.get(slug, [])
            if (match := route.pattern.fullmatch(path.rstrip("/") or "/"))
        ]
        if not found:
            return "unknown_path", error_response(404, "unknown_path", f"Nothing is served at {path}")
        method = "GET" if request.method == "HEAD" else request.method
        for route, match in found:
            if route.api.method == method:
                return await self._call(slug, route, match, request)
        return "wrong_method", error_response(405, "method_not_allowed", f"{method} is not served here")

    async def _call(
        self, slug: str, route: _Route, match: re.Match[str], request: web.Request
    ) -> tuple[str, web.StreamResponse]:
        api = route.api
        raw = _raw_arguments(route.arguments, match, request)
        body = await request.read()

        async def answer() -> web.Response:
            return (await self._answered(route.arguments, raw, body))[1]

        if api.fault is None:
            return await self._answered(route.arguments, raw, body)
        canonical = json.dumps([slug, api.method, api.path, raw, body.decode(errors="replace")])
        digest = hashlib.sha256(canonical.encode()).digest()
        earlier = self._seen[digest]
        if api.fault is Fault.FLAKY:
            self._seen[digest] += 1
        number = int.from_bytes(digest[:6], "big")
        exchange = Exchange(request=request, digest=number, earlier=earlier, answer=answer)
        return api.fault.value, await respond(api.fault, exchange)

    async def _answered(
        self, arguments: Arguments, raw: Mapping[str, str | list[str]], body: bytes
    ) -> tuple[str, web.Response]:
        try:
            values = arguments.parse(raw) | _body_arguments(body)
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._computing, arguments.compute, values)
        except InvalidArgument as error:
            response = error_response(error.status, error.code, str(error), parameter=error.parameter)
            return "invalid_arguments", response
        except Refusal as refusal:
            return "refused", error_response(refusal.status, refusal.code, str(refusal))
        return "answered", _answer(answer)


def build_hub() -> web.Application:
    """The hub with its whole catalogue, ready to be served."""
    hub = Hub(catalogue.tools(), catalogue.COLLECTIONS)
    app = web.Application()
    app.cleanup_ctx.append(hub.lifetime)
    app.router.add_route("*", "/{path:.*}", hub.handle)
    return app


def _route(api: Api) -> _Route:
    escaped = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(api.path))
    return _Route(api, arguments_of(api), re.compile(escaped))


def _showpiece(tool: Tool) -> Api:
    """The API of a tool that its line on the index page calls: one that a plain curl can reach."""
    return next((api for api in tool.apis if api.fault is None and api.method == "GET"), tool.apis[0])


def _raw_arguments(
    arguments: Arguments, match: re.Match[str], request: web.Request
) -> dict[str, str | list[str]]:
    raw: dict[str, str | list[str]] = {name: unquote(text) for name, text in match.groupdict().items()}
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
    except ValueError as error:
        message = f"the body is not valid JSON: {error}"
        raise InvalidArgument(message, parameter="body", missing=False) from None
    if not isinstance(values, dict):
        raise InvalidArgument("the body must be a JSON object", parameter="body", missing=False)
    return values


def _page(tools: Sequence[Tool], query: Mapping[str, str]) -> web.Response:
    page, page_size = query.get("page", "1"), query.get("page_size", "50")
    if not (_is_count(page) and _is_count(page_size)):
        return error_response(400, "invalid_page", "page and page_size are whole numbers from 1")
    return _answer(listing.tool_page(tools, int(page), int(page_size)))


def _is_count(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,8}", text) is not None


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _answer(value: Any) -> web.Response:
    return web.Response(body=_encoded(value), content_type="application/json")
