"""Answers of model endpoints that lack something: they refuse it, or do as if it had not been asked for.

As `transformers serve` ignores `tool_choice`, llama.cpp fails at `tools` without its option, LM Studio
refuses `json_object`, and plain chat servers ignore all of it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import orjson
from aiohttp import web
from llm_server import Answer, Json, completion, fails, sends

from tasks.llm.chat import ChatRequest, Reply
from tasks.llm.endpoint import Endpoint

CALL: Json = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    ],
}


def odd_things(body: Json) -> set[str]:
    """What of the trial's oddities is in a request: names as `Capabilities` has them."""
    roles = [message["role"] for message in body["messages"]]
    functions = orjson.dumps(body.get("tools") or []).decode()
    return {
        name
        for name, is_there in {
            "system": "system" in roles,
            "results": "tool" in roles,
            "free_order": any(
                role == "user" and before in {"user", "tool"} for before, role in pairwise(roles)
            ),
            "integer_enums": '"enum":[1' in functions,
            "long_names": re.search(r'"\w{65,}":', functions) is not None,
            "untyped_items": '"items":{}' in functions,
            "bounds": "minItems" in str(body.get("response_format")),
        }.items()
        if is_there
    }


def endpoint_that(
    *, refuses: tuple[str, ...] = (), ignores: tuple[str, ...] = (), status: int = 400, **fields: Any
) -> Answer:
    """tools, tool_choice, json_schema, json_object and seed work, but for what it refuses or ignores.

    It may also refuse any of `odd_things`.  status: of a refusal.  fields: of every completion, such as
    usage.
    """

    async def answer(request: web.Request, body: Json) -> web.StreamResponse:
        kind = (body.get("response_format") or {}).get("type")
        asked = {name for name in ("tools", "tool_choice", "seed") if name in body} | (
            {kind} if kind else set()
        )
        refused = sorted((asked | odd_things(body)) & set(refuses))
        if refused:
            return await fails(status, f"{refused[0]} is not supported")(request, body)
        message = _message(asked - set(ignores), body)
        return await sends(completion(message, **fields))(request, body)

    return answer


def _message(heeded: set[str], body: Json) -> Json:
    if "tools" in heeded and not ("tool_choice" in heeded and body["tool_choice"] == "none"):
        return CALL
    text = '{"city": "Oslo"}' if heeded & {"json_schema", "json_object"} else "Sure! It is Oslo."
    return {"role": "assistant", "content": text}


class PlainModel:
    """An endpoint as a `ChatModel` without store and account."""

    def __init__(self, endpoint: Endpoint, attempts: int = 3) -> None:
        self._endpoint = endpoint
        self._attempts = attempts

    @property
    def name(self) -> str:
        return self._endpoint.params.model

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:  # noqa: ARG002
        return await self._endpoint.ask(self._endpoint.prepare(request, attempts=self._attempts))
