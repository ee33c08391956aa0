"""What an endpoint can do, found out by a few short questions and kept in the data folder."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import prompts
from tasks.errors import BrokenContract, ConnectionFailed, RequestRefused, UsageError
from tasks.llm.chat import ChatModel, ChatRequest, Json, Message, Reply, ToolCall, ToolSet, Transcript
from tasks.llm.params import NATIVE, TEXT, Capabilities, LlmParams

# Long enough for a model that thinks before it answers, and short of what a slip could cost.
_LONGEST_REPLY = 1024
# For a reply that was cut off before it showed anything.
_MORE_ROOM = 4096
_CUT_OFF = "length"
_PLAIN_REFUSALS = frozenset({"endpoint_refused", "endpoint_failed"})
_CITY: Json = {"type": "string", "description": "Name of the city."}
# What some endpoints refuse in a function, each by itself.
_ODD: dict[str, Json] = {
    "integer_enums": {"level": {"type": "integer", "enum": [1, 2]}},
    "long_names": {
        "a_name_that_is_long_since_" + "somebody_wanted_it_to_say_it_all_" * 2: {"type": "string"}
    },
    "untyped_items": {"lists": {"type": "array", "items": {"type": "array", "items": {}}}},
}
_SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_BOUNDED: Json = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "colours": {
            "type": "array",
            "items": {"type": "string", "enum": ["red", "blue"]},
            "minItems": 1,
            "maxItems": 1,
        },
    },
    "required": ["city", "colours"],
    "additionalProperties": False,
}


def _function(*odd: str) -> ToolSet:
    properties = {"city": _CITY}
    for name in odd:
        properties |= _ODD[name]
    parameters = {"type": "object", "properties": properties, "required": ["city"]}
    description = "The weather in a city right now."
    function = {"name": "get_weather", "description": description, "parameters": parameters}
    return ToolSet.of({"type": "function", "function": function})


async def detect_capabilities(
    model: ChatModel, params: LlmParams, context: int | None = None
) -> Capabilities:
    """Asks `model`, which must not take replies from a store, short questions: six if nothing is missing.

    context: of the endpoint, where that is known.  Raises `UsageError` when the endpoint takes no request
    at all (a wrong key, an unknown model, another protocol), `StopRun` when the run must end.
    """
    trial = _Trial(model, params.tools, params.max_tokens, context, params.section)
    await trial.plain()
    await asyncio.gather(trial.functions(), trial.schemas(), trial.json_object())
    if trial.found.get("tools", True):
        await trial.conversation()
    if params.tools == NATIVE:
        trial.found["tools"] = True
    elif trial.found.get("tools", True):
        await trial.tool_choice()
    unclear = {"cut_off": tuple(sorted(trial.cut_off)), "unsure": tuple(sorted(trial.unsure))}
    return Capabilities(context=context, **unclear, **trial.found)


def _question(name: str, role: str = "user") -> Message:
    return Message(role, prompts.load(f"endpoint/{name}").render())


@dataclass(slots=True)
class _Trial:
    """tools, longest: as configured, in that section.  found: what is not as it should be, or was seen to be.

    cut_off, unsure: what no reply showed, as in `Capabilities`.  called: a reply with a call.
    """

    model: ChatModel
    tools: str
    longest: int | None
    context: int | None
    section: str
    found: dict[str, bool] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    called: Reply | None = None
    _n_asked: Counter[str] = field(default_factory=Counter)

    async def plain(self) -> None:
        """Whether a seed is taken, and a message of the system; whether usage is told."""
        word, system = _question("trial_word"), _question("trial_system", "system")
        missing: tuple[str, ...]
        for missing in ((), ("seed",), ("system",)):
            messages = (word,) if "system" in missing else (system, word)
            reply = await self._ask("seed", *messages, seed=None if "seed" in missing else 1)
            if reply is not None:
                break
        else:
            missing = ("seed", "system")
            try:
                reply = await self.model.ask(
                    self._request((word,), _LONGEST_REPLY), row_id=self._row("plain")
                )
            except (RequestRefused, BrokenContract) as error:
                fix = error.fix or f"correct {self.section} base_url, model and the other settings there"
                raise UsageError(error.message, fix=fix) from error
        self.found |= dict.fromkeys(missing, False)
        self.found["usage"] = bool(reply.usage.total)

    async def functions(self) -> None:
        """Whether functions are called."""
        if self.tools == TEXT:
            self.found["tools"] = False
            return
        for name in ("trial_function", "trial_function_again"):
            reply = await self._ask("tools", _question(name), shows=_calls, tools=_function())
            if reply is None:
                break
            if reply.tool_calls:
                self.called = reply
                self.cut_off.discard("tools")
            if reply.tool_calls or "tools" in self.cut_off:
                return
        self.found["tools"] = False

    async def conversation(self) -> None:
        """What a conversation with functions may hold: all at once, or where that is refused, one by one."""
        asked, more = _question("trial_function"), _question("trial_more")
        call = self._call()
        result = Message("tool", prompts.load("endpoint/trial_result").render(), (), call.tool_calls[0].id)
        system = [] if "system" in self.found else [_question("trial_system", "system")]
        everything = (*system, asked, more, call, result, more)
        cut_off, unsure = set(self.cut_off), set(self.unsure)
        if await self._takes("conversation", *everything, tools=_function(*_ODD)):
            return
        self.cut_off, self.unsure = cut_off, unsure
        if not await self._takes("results", asked, call, result, tools=_function()):
            self.found |= {"results": False, "tools": False}
        elif not await self._takes("free_order", asked, more, call, result, more, tools=_function()):
            self.found["free_order"] = False
        for name in _ODD:
            if not await self._takes(name, asked, tools=_function(name)):
                self.found[name] = False

    def _call(self) -> Message:
        """The model's own, with what else it said: some endpoints want that back."""
        if self.called is None:
            return Message("assistant", None, (ToolCall("weather01", "get_weather", '{"city": "Oslo"}'),))
        call = self.called.tool_calls[0]
        call = replace(call, id=call.id or "weather01")
        return Message("assistant", self.called.content, (call,), state=self.called.state)

    async def tool_choice(self) -> None:
        question, settings = _question("trial_function"), {"tools": _function(), "tool_choice": "none"}
        reply = await self._ask("tool_choice", question, shows=_calls, **settings)
        if reply is None or reply.tool_calls:
            self.found["tool_choice"] = False

    async def schemas(self) -> None:
        """Whether replies follow a schema, and whether it may say how long a list is."""
        question = _question("trial_json")
        for schema in (_BOUNDED, _SCHEMA):
            wanted = {"name": "capital", "strict": True, "schema": schema}
            response_format = {"type": "json_schema", "json_schema": wanted}
            reply = await self._ask(
                "json_schema", question, shows=_is_object, response_format=response_format
            )
            if reply is not None:
                break
            self.found["bounds"] = False
        if reply is None or not (_is_object(reply) or "json_schema" in self.cut_off):
            self.found |= {"json_schema": False}
            self.found.pop("bounds", None)

    async def json_object(self) -> None:
        response_format = {"type": "json_object"}
        question = _question("trial_json")
        reply = await self._ask("json_object", question, shows=_is_object, response_format=response_format)
        if reply is None or not (_is_object(reply) or "json_object" in self.cut_off):
            self.found["json_object"] = False

    async def _takes(self, name: str, *messages: Message, **settings: Any) -> bool:
        """Whether such a request is answered, whatever with."""
        return await self._ask(name, *messages, **settings) is not None

    async def _ask(
        self, name: str, *messages: Message, shows: Callable[[Reply], bool] = lambda _: True, **settings: Any
    ) -> Reply | None:
        """The reply; None when the endpoint does not take such a request.

        shows: whether a reply shows what is asked although it was cut off.  Where it does not, it is asked
        for with more room; where there is no more, or not enough, `name` was cut off.
        """
        reply: Reply | None = None
        rooms = dict.fromkeys((self._room(_LONGEST_REPLY), self._room(_MORE_ROOM)))
        try:
            for room in rooms:
                self._n_asked[name] += 1
                request = self._request(messages, room, **settings)
                reply = await self.model.ask(request, row_id=self._row(name), ordinal=self._n_asked[name] - 1)
                if reply.finish_reason != _CUT_OFF or shows(reply):
                    return reply
        except RequestRefused as refusal:
            # A slow server, a filter or a context that is too small says nothing of what is asked here.
            if isinstance(refusal.__cause__, ConnectionFailed) or refusal.reason not in _PLAIN_REFUSALS:
                self.unsure.add(name)
            return None
        except BrokenContract:
            return None
        self.cut_off.add(name)
        return reply

    def _row(self, name: str) -> str:
        """The question's name in the account, where those of several endpoints stand."""
        return name if self.section == LlmParams.section else f"{self.section} {name}"

    def _request(self, messages: Iterable[Message], room: int, **settings: Any) -> ChatRequest:
        return ChatRequest(transcript=Transcript.of(*messages), max_tokens=room, **settings)

    def _room(self, wanted: int) -> int:
        return min(wanted, self.longest or wanted, wanted if self.context is None else self.context // 2)


def _calls(reply: Reply) -> bool:
    return bool(reply.tool_calls)


def _is_object(reply: Reply) -> bool:
    try:
        return isinstance(orjson.loads(reply.content or ""), dict)
    except orjson.JSONDecodeError:
        return False


# Servers are upgraded and configured anew.
MAX_AGE = timedelta(days=30)


class KnownEndpoint(BaseModel):
    """An endpoint with a model, as `[llm] tools` and `body` had it asked about.

    max_tokens: with how much room.  trial: which questions it was asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    model: str
    tools: str
    body: dict[str, Any] = {}
    max_tokens: int | None = None
    trial: Literal[2]
    found_at: datetime
    capabilities: Capabilities = Field(alias="abilities")  # its name in the file


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoints: tuple[KnownEndpoint, ...] = ()


class KnownEndpoints:
    """`<data>/store/endpoints.json`.  Removing it, or an entry of it, has endpoints asked again."""

    def __init__(self, data: Path) -> None:
        self._path = data / "store" / "endpoints.json"

    def find(self, params: LlmParams) -> Capabilities | None:
        now = datetime.now(UTC)
        for known in self._read():
            if _is_of(known, params) and now - known.found_at <= MAX_AGE:
                return known.capabilities
        return None

    def keep(self, params: LlmParams, capabilities: Capabilities) -> None:
        """Where something came too late, nothing: all is asked again by the next run.

        What was cut off stays so, with as much room: a model that finds no end would be asked by every run,
        and once in a while found to be another, for which all replies are asked anew.
        """
        if capabilities.unsure:
            return
        found = KnownEndpoint(
            base_url=params.endpoint_id or params.base_url,
            model=params.model,
            tools=params.tools,
            body=params.body,
            max_tokens=params.max_tokens,
            trial=2,
            found_at=datetime.now(UTC),
            abilities=capabilities,
        )
        self._write(*(known for known in self._read() if not _is_of(known, params)), found)

    def learn(self, params: LlmParams, context: int) -> None:
        """The endpoint has said how long a context is; when it was asked what else it can do stays."""
        known = self._read()
        of_it = [entry for entry in known if _is_of(entry, params) and entry.capabilities.context != context]
        for entry in of_it:
            capabilities = entry.capabilities.model_copy(update={"context": context})
            self._write(
                *(other for other in known if other is not entry),
                entry.model_copy(update={"capabilities": capabilities}),
            )

    def _write(self, *endpoints: KnownEndpoint) -> None:
        text = _File(endpoints=endpoints).model_dump_json(indent=1, by_alias=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_text(text + "\n", encoding="utf-8")
        os.replace(unfinished, self._path)  # noqa: PTH105 - atomic, and says so

    def _read(self) -> tuple[KnownEndpoint, ...]:
        """A file that another version wrote is as good as none: asking again costs little."""
        try:
            return _File.model_validate_json(self._path.read_bytes()).endpoints
        except (FileNotFoundError, ValidationError):
            return ()


def _is_of(known: KnownEndpoint, params: LlmParams) -> bool:
    asked = (params.endpoint_id or params.base_url, params.model, params.tools, params.body)
    has_room = not known.capabilities.cut_off or known.max_tokens == params.max_tokens
    return has_room and (known.base_url, known.model, known.tools, known.body) == asked
