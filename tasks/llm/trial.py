"""A few short questions that show what an endpoint can do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson

import prompts
from tasks.errors import BrokenContract, RequestRefused, UsageError
from tasks.llm.abilities import Abilities
from tasks.llm.chat import ChatModel, ChatRequest, Json, Message, Reply, ToolSet, Transcript
from tasks.llm.params import NATIVE, TEXT, LlmParams

# Long enough for a model that thinks before it answers, and short of what a slip could cost.
_LONGEST_REPLY = 1024
_CUT_OFF = "length"
_TOOL: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city right now.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Name of the city."}},
            "required": ["city"],
        },
    },
}
_SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_JSON_OBJECT: Json = {"type": "json_object"}
_JSON_SCHEMA: Json = {
    "type": "json_schema",
    "json_schema": {"name": "capital", "strict": True, "schema": _SCHEMA},
}


async def find_abilities(model: ChatModel, params: LlmParams) -> Abilities:
    """Asks `model`, which must not take replies from a store, at most seven short questions.

    What `[llm] tools` says already is not asked.  Raises `UsageError` when the endpoint takes
    no request at all (a wrong key, an unknown model, another protocol), `StopRun` when the run must end.
    """
    tools = params.tools
    trial = _Trial(model, min(_LONGEST_REPLY, params.max_tokens or _LONGEST_REPLY))
    seed, usage = await trial.plain()
    calling, json_schema, json_object = await asyncio.gather(
        trial.tools() if tools not in {NATIVE, TEXT} else _known(tools == NATIVE),
        trial.gives_json("json_schema", _JSON_SCHEMA),
        trial.gives_json("json_object", _JSON_OBJECT),
    )
    tool_choice = await trial.heeds_tool_choice() if calling and tools != NATIVE else True
    return Abilities(
        tools=calling,
        tool_choice=tool_choice,
        json_schema=json_schema,
        json_object=json_object,
        seed=seed,
        usage=usage,
    )


async def _known(answer: bool) -> bool:
    return answer


@dataclass(frozen=True, slots=True)
class _Trial:
    model: ChatModel
    max_tokens: int

    async def plain(self) -> tuple[bool, bool]:
        """(whether a seed is taken, whether usage is told)."""
        seeded = await self._ask("seed", "trial_word", seed=1)
        if seeded is not None:
            return True, bool(seeded.usage.total)
        try:
            reply = await self.model.ask(self._question("trial_word"), row_id="plain")
        except (RequestRefused, BrokenContract) as error:
            raise UsageError(
                error.message, fix=error.fix or "correct [llm] base_url, model and the other settings there"
            ) from error
        return False, bool(reply.usage.total)

    async def tools(self) -> bool:
        """Whether functions are called; a reply that was cut off shows nothing, and counts as yes."""
        for name in ("trial_function", "trial_function_again"):
            reply = await self._ask(name, name, tools=ToolSet.of(_TOOL))
            if reply is None:
                return False
            if reply.tool_calls or reply.finish_reason == _CUT_OFF:
                return True
        return False

    async def heeds_tool_choice(self) -> bool:
        tools = ToolSet.of(_TOOL)
        reply = await self._ask("tool_choice", "trial_function", tools=tools, tool_choice="none")
        return reply is not None and not reply.tool_calls

    async def gives_json(self, name: str, response_format: Json) -> bool:
        reply = await self._ask(name, "trial_json", response_format=response_format)
        return reply is not None and (_is_object(reply.content) or reply.finish_reason == _CUT_OFF)

    async def _ask(self, name: str, question: str, **settings: Any) -> Reply | None:
        """None when the endpoint does not take such a request."""
        try:
            return await self.model.ask(self._question(question, **settings), row_id=name)
        except (RequestRefused, BrokenContract):
            return None

    def _question(self, name: str, **settings: Any) -> ChatRequest:
        text = prompts.load(f"endpoint/{name}").render()
        transcript = Transcript.of(Message("user", text))
        return ChatRequest(transcript=transcript, max_tokens=self.max_tokens, **settings)


def _is_object(text: str | None) -> bool:
    try:
        return isinstance(orjson.loads(text or ""), dict)
    except orjson.JSONDecodeError:
        return False
