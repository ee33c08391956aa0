"""A model that can only chat, in front of the sandbox's teacher: it reads of functions and writes its calls.

It ignores `tools`, `tool_choice`, `response_format` and refuses `seed`, as plain chat servers do.  What it
is told of functions in words it takes to the teacher in the protocol's form, and puts the teacher's calls
into words.
"""

from __future__ import annotations

import json
import re

import aiohttp
import orjson
from aiohttp import web
from llm_server import ApplicationThread, Json, completion

_FUNCTIONS = "\n\n# The functions\n"
_FUNCTION = re.compile(
    r"^## (?P<name>\S+)\n(?P<description>.*?)\nIts arguments follow this JSON schema: (?P<schema>.*?)$",
    re.MULTILINE | re.DOTALL,
)
_CALL = re.compile(r"^Action: (?P<name>.*)\nAction Input: (?P<arguments>.*)$", re.MULTILINE)
_AGAIN = "\n\nThis is not your first attempt"
_GO_ON = "Go on with the next step."


class ChatOnly:
    """Entering gives its base URL."""

    def __init__(self, teacher: str) -> None:
        self._teacher = teacher
        self.n_written_calls = 0
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._serving = ApplicationThread(app)

    def __enter__(self) -> str:
        return self._serving.__enter__() + "/v1"

    def __exit__(self, *_: object) -> None:
        self._serving.__exit__()

    async def _chat(self, request: web.Request) -> web.Response:
        body: Json = orjson.loads(await request.read())
        if "seed" in body:
            return web.json_response({"error": {"message": "seed: extra fields not permitted"}}, status=400)
        asked = {"model": body["model"], **_in_the_protocol(body["messages"])}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._teacher}/chat/completions", json=asked) as answer,
        ):
            said = (await answer.json())["choices"][0]["message"]
        return web.json_response(completion({"role": "assistant", "content": self._in_words(said)}))

    def _in_words(self, said: Json) -> str:
        lines = [f"Thought: {said['content']}"] if said["content"] else []
        for call in said.get("tool_calls") or ():
            self.n_written_calls += 1
            function = call["function"]
            lines.append(f"**Action**: `{function['name']}`\n**Action Input**: {function['arguments']}")
        return "\n".join(lines) if said.get("tool_calls") else str(said["content"])


def _in_the_protocol(messages: list[Json]) -> Json:
    system, told, functions = messages[0]["content"].partition(_FUNCTIONS)
    if not told:
        return {"messages": messages}
    tools = [
        {
            "type": "function",
            "function": {
                "name": found["name"],
                "description": found["description"],
                "parameters": json.loads(found["schema"]),
            },
        }
        for found in _FUNCTION.finditer(functions)
    ]
    translated: list[Json] = [{"role": "system", "content": system}, messages[1]]
    for number, message in enumerate(messages[2:]):
        if message["role"] == "assistant":
            translated.append(_assistant(message["content"], number))
        else:
            translated += _user(message["content"], translated[-1])
    return {"messages": translated, "tools": tools}


def _assistant(content: str, number: int) -> Json:
    calls = [
        {
            "id": f"call_{number}_{position}",
            "type": "function",
            "function": {"name": call["name"], "arguments": call["arguments"]},
        }
        for position, call in enumerate(_CALL.finditer(content))
    ]
    thought = content.split("Action: ", maxsplit=1)[0].removeprefix("Thought: ").strip() or None
    return {"role": "assistant", "content": thought, **({"tool_calls": calls} if calls else {})}


def _user(content: str, before: Json) -> list[Json]:
    shown, again, rest = content.partition(_AGAIN)
    calls = before.get("tool_calls") or []
    observations = shown.removeprefix("Observation: ").split("\n\nObservation: ") if calls else []
    said: list[Json] = [
        {"role": "tool", "content": observation, "tool_call_id": call["id"]}
        for call, observation in zip(calls, observations, strict=False)
    ]
    words = (again + rest).strip() if calls else content
    return said + ([{"role": "user", "content": words}] if words and words != _GO_ON else [])
