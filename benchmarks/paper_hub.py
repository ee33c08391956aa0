"""A hub of the paper's size in a process of its own: listing, documentation, and APIs that answer.

    python benchmarks/paper_hub.py TOOLS APIS LATENCY_MS HANGING     prints {"url": ...}; ends with its stdin

HANGING: how many of 1000 APIs never answer.  GET /stats: how many of each kind were asked.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field

from aiohttp import web

CATEGORIES = 49
HANGS_S = 3600.0


@dataclass
class PaperHub:
    """Tool `t` is in category `t % 49` and has its share of the APIs; everything follows from numbers."""

    n_tools: int
    n_apis: int
    latency_s: float
    hanging: int
    asked: Counter[str] = field(default_factory=Counter)
    host: str = "paper.test"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        kind, *rest = request.path.strip("/").split("/")
        self.asked[kind] += kind != "stats"
        if kind == "stats":
            return web.json_response(self.asked)
        if kind == "collections":
            return web.json_response({"collections": []})
        if kind == "tools":
            return web.json_response(self.tool(int(rest[1])) if rest else self.page(request))
        return await self.answer(int(rest[0]))

    def page(self, request: web.BaseRequest) -> dict[str, object]:
        number, size = int(request.query["page"]), int(request.query["page_size"])
        shown = range((number - 1) * size, min(number * size, self.n_tools))
        pages = -(-self.n_tools // size)
        tools = [self.listed(tool) for tool in shown]
        return {"page": number, "pages": pages, "total": self.n_tools, "tools": tools}

    def listed(self, tool: int) -> dict[str, object]:
        category = f"Category {tool % CATEGORIES}"
        return {"id": f"{tool % CATEGORIES}/{tool}", "category": category, "name": f"Tool {tool}"}

    def tool(self, tool: int) -> dict[str, object]:
        """APIs are dealt out to the tools like cards."""
        apis = [self.api(api) for api in range(tool, self.n_apis, self.n_tools)]
        about = f"Everything about subject {tool}, kept up to date by people who care. " * 3
        return self.listed(tool) | {"description": about, "host": f"http://{self.host}", "apis": apis}

    def api(self, api: int) -> dict[str, object]:
        parameter = {
            "name": "city",
            "in": "query",
            "type": "string",
            "required": True,
            "description": "The city that is asked about.",
            "default": "Oslo",
        }
        return {
            "name": f"Look up {api}",
            "description": "Looks up one thing about a city and says what is known of it.",
            "method": "GET",
            "path": f"/answer/{api}",
            "parameters": [parameter],
        }

    async def answer(self, api: int) -> web.StreamResponse:
        hangs = api * 997 % 1000 < self.hanging
        await asyncio.sleep(HANGS_S if hangs else self.latency_s)
        facts = [
            {"id": f"{api}-{fact}", "what": "a fact that is known", "since": 2000 + fact} for fact in range(4)
        ]
        return web.json_response({"city": "Oslo", "facts": facts})


async def serve(hub: PaperHub) -> None:
    runner = web.ServerRunner(web.Server(hub.handle, handler_cancellation=True), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    tools, apis, latency_ms, hanging = map(int, sys.argv[1:])
    asyncio.run(serve(PaperHub(tools, apis, latency_ms / 1000, hanging)))
