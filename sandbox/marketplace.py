"""The listing side of the hub: the pages of a marketplace, as JSON and for the eye."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox import listing
from sandbox.catalogue import Collection
from sandbox.declare import Api, Tool
from sandbox.faults import DEMO_KEY, error_response

ALIAS = "/apis/"
_SLOW_TO_LOAD = frozenset({"airportsdata", "holidays", "numpy", "pint"})


class Marketplace:
    """Answers requests for the listing.  computing: where example responses are computed."""

    def __init__(self, tools: Sequence[Tool], collections: Sequence[Collection], computing: Executor) -> None:
        self._tools = {listing.tool_id(tool): tool for tool in tools}
        self._collections = collections
        self._computing = computing
        self._details: dict[str, asyncio.Task[bytes]] = {}
        self._pages = {
            "": self._index,
            "categories": self._categories,
            "collections": self._all_collections,
            "tools": self._tool_page,
        }

    async def handle(self, path: str, request: web.Request) -> web.Response:
        """Answers a request for a page of the listing."""
        if request.method not in ("GET", "HEAD"):
            return error_response(405, "method_not_allowed", "The listing is read with GET")
        name, _, identifier = unquote(path).strip("/").partition("/")
        if name == "tools" and identifier in self._tools:
            return _json(await asyncio.shield(self.detail(identifier)))
        if identifier or name not in self._pages:
            return error_response(404, "not_found", f"The hub has nothing at {path}")
        return self._pages[name](request)

    async def warm(self) -> None:
        """Computes the example responses of all tools, which loads every library behind them."""
        slow_ones_first = sorted(self._tools.items(), key=lambda item: item[1].backed_by not in _SLOW_TO_LOAD)
        for identifier, _ in slow_ones_first:
            await self.detail(identifier)

    async def close(self) -> None:
        for task in self._details.values():
            task.cancel()
        await asyncio.gather(*self._details.values(), return_exceptions=True)

    def detail(self, identifier: str) -> asyncio.Task[bytes]:
        """The page of a tool, computed once."""
        if identifier not in self._details:
            self._details[identifier] = asyncio.create_task(self._computed(identifier))
        return self._details[identifier]

    async def _computed(self, identifier: str) -> bytes:
        names = [group.name for group in self._collections if identifier in group.tools]
        loop, tool = asyncio.get_running_loop(), self._tools[identifier]
        return encoded(await loop.run_in_executor(self._computing, listing.tool_detail, tool, names))

    def _categories(self, _: web.Request) -> web.Response:
        return _json(encoded(listing.categories(tuple(self._tools.values()))))

    def _all_collections(self, _: web.Request) -> web.Response:
        return _json(encoded({"collections": [group.entry() for group in self._collections]}))

    def _tool_page(self, request: web.Request) -> web.Response:
        page, page_size = request.query.get("page", "1"), request.query.get("page_size", "50")
        if not (_is_count(page) and _is_count(page_size)):
            return error_response(400, "invalid_page", "page and page_size are whole numbers from 1")
        tools = tuple(self._tools.values())
        return _json(encoded(listing.tool_page(tools, int(page), int(page_size))))

    def _index(self, request: web.Request) -> web.Response:
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for identifier, tool in sorted(self._tools.items()):
            line = listing.curl(f"{request.url.origin()}{ALIAS}{tool.slug}", _showpiece(tool))
            groups.setdefault(tool.category, []).append({"id": identifier, "tool": tool, "curl": line})
        templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True
        )
        page = templates.get_template("index.html.jinja").render(
            groups=groups,
            collections=self._collections,
            n_apis=sum(len(tool.apis) for tool in self._tools.values()),
            demo_key=DEMO_KEY,
        )
        return web.Response(text=page, content_type="text/html")


def encoded(value: Any) -> bytes:
    """JSON as the hub writes it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _is_count(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,8}", text) is not None


def _showpiece(tool: Tool) -> Api:
    """The API of a tool that its line on the index page calls: one that a plain curl can reach."""
    return next((api for api in tool.apis if api.fault is None and api.method == "GET"), tool.apis[0])
