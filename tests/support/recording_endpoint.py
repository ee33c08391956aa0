"""A model endpoint that passes requests on to another one and remembers what was said last, and the reply."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import orjson
from aiohttp import web
from llm_server import ApplicationThread, Json


class RecordingEndpoint:
    """Entering gives its base URL; `ai_mock_responses` writes what it heard for ai-mock to say again."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._said: dict[str, Json] = {}
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._serving = ApplicationThread(app)

    def __enter__(self) -> str:
        return self._serving.__enter__() + "/v1"

    def __exit__(self, *_: object) -> None:
        self._serving.__exit__()

    async def _chat(self, request: web.Request) -> web.Response:
        raw = await request.read()
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._endpoint}/chat/completions", data=raw) as answer,
        ):
            body = await answer.read()
        last = orjson.loads(raw)["messages"][-1]["content"]
        self._said.setdefault(last, orjson.loads(body)["choices"][0]["message"])
        return web.Response(body=body, content_type="application/json", status=answer.status)

    def ai_mock_responses(self, path: Path) -> Path:
        """ai-mock answers by what was said last alone, with a text or with a call, never with both."""
        responses = [_response(last, message) for last, message in self._said.items()]
        path.write_bytes(orjson.dumps({"responses": responses}))
        return path


def _response(last: str, message: Json) -> Json:
    for call in message.get("tool_calls") or ():
        try:
            arguments = orjson.loads(call["function"]["arguments"])
        except orjson.JSONDecodeError:
            continue  # a slip of the teacher, which ai-mock cannot make
        if isinstance(arguments, dict):
            output = {"name": call["function"]["name"], "arguments": arguments}
            return {"type": "function", "input": last, "output": output}
    return {"type": "text", "input": last, "output": message.get("content") or "Hm."}
