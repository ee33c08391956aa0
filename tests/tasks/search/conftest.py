"""Searches played with scripted replies and observations: no server, no client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tasks.errors import ToolloomError
from tasks.llm.chat import ChatRequest, Reply, ToolCall, Usage
from tasks.search.methods import dfsdt
from tasks.search.rules import TOOLLOOM, Rules
from tasks.search.task import Function, Limits, Observation, Task
from tasks.search.trace import draw, trace
from tasks.search.tree import SearchTree
from warehouse.tables.annotations import Node

Script = Sequence[Reply | ToolloomError]
Method = Callable[..., Awaitable[SearchTree]]

FUNCTIONS = tuple(
    Function.of(name, f"Says the {name.split('_')[1]}.", {"type": "object", "properties": {}, "required": []})
    for name in ("get_weather_for_sky", "get_time_for_sky", "get_price_for_shop")
)


@dataclass
class Played:
    """A finished search and what it asked for."""

    tree: SearchTree
    requests: list[ChatRequest] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def nodes(self) -> tuple[Node, ...]:
        return trace(self.tree, "a").nodes

    @property
    def drawing(self) -> str:
        tree = self.tree
        answer = "" if tree.final_answer is None else f" {tree.final_answer!r}"
        summary = f"{tree.finish_type}{answer}, {tree.n_queries} queries, stopped by {tree.stopped_by}"
        return f"{summary}\n{draw(self.nodes)}"

    def said(self, query: int) -> list[str]:
        """The request's messages after the opening two, one line each."""
        return [_line(message.wire()) for message in self.requests[query].transcript.messages()[2:]]


def _line(message: dict[str, Any]) -> str:
    calls = [call["function"] for call in message.get("tool_calls", ())]
    written = "".join(f" {call['name']}({call['arguments']})" for call in calls)
    return f"{message['role']}: {message['content'] or ''}{written}"


class Scripted:
    """Writes replies and plays searches with them."""

    def reply(self, *parts: str | ToolCall, finish_reason: str = "stop") -> Reply:
        """Texts are the content, calls the calls; no text at all is None."""
        texts = [part for part in parts if isinstance(part, str)]
        calls = tuple(part for part in parts if isinstance(part, ToolCall))
        return Reply(
            content="".join(texts) if texts else None,
            tool_calls=calls,
            finish_reason=finish_reason,
            usage=Usage(10, 1),
        )

    def call(self, name: str, arguments: str | None = None, /, **named: Any) -> ToolCall:
        return ToolCall("", name, json.dumps(named) if arguments is None else arguments)

    def answer(self, text: Any = "It rains.") -> ToolCall:
        return self.call("Finish", return_type="give_answer", final_answer=text)

    def give_up(self) -> ToolCall:
        return self.call("Finish", return_type="give_up_and_restart")

    def play(
        self,
        script: Script,
        rules: Rules = TOOLLOOM,
        *,
        method: Method = dfsdt,
        seen: Mapping[str, Observation] | None = None,
        functions: Sequence[Function] = FUNCTIONS,
        **limits: int,
    ) -> Played:
        """Plays a search; the script must last.  seen: observations by function, `ok` where none is given."""
        requests: list[ChatRequest] = []
        calls: list[tuple[str, dict[str, Any]]] = []

        async def ask(request: ChatRequest, ordinal: int) -> Reply:
            assert ordinal == len(requests), "queries are numbered in order"
            requests.append(request)
            reply = script[ordinal]
            if isinstance(reply, ToolloomError):
                raise reply
            return reply

        async def execute(function: str, arguments: Mapping[str, Any], ordinal: int) -> Observation:
            assert ordinal == len(calls), "calls are numbered in order"
            calls.append((function, dict(arguments)))
            return (seen or {}).get(function) or Observation(f'{{"from": "{function}"}}', "ok", 0)

        task = Task(query="Will it rain?", functions=functions)
        searching = method(task, ask=ask, execute=execute, rules=rules, limits=Limits(**limits))
        return Played(asyncio.run(_finished(searching)), requests, calls)


async def _finished(searching: Awaitable[SearchTree]) -> SearchTree:
    return await searching


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()
