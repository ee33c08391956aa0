"""The messages of an answer path in the protocol of ToolBench's time: one `function_call` a message.

Published scripts read these messages.  Where a message has a thought and a call, they drop the thought; so
here a thought is a message of its own, before the one with the call, a form the published data has, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import prompts
from warehouse.tables.annotations import AnswerMessage, MessageToolCall

Json: TypeAlias = dict[str, Any]

# ToolBench's preprocessing insists on these words in the system message, and puts its own behind them.
ANCHOR = "with a function call to actually excute your step."
_FORMAT = " Your output should follow this format:\nThought:\nAction\nAction Input:\n"


@dataclass(slots=True)
class Conversation:
    """messages: up to the last word of the model.  ends: how many messages each step has for its history.

    A step ends in a call, or in a reply that makes none.
    """

    messages: list[Json] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    @property
    def steps(self) -> Iterator[list[Json]]:
        """For each step, the history and, last, what the model said."""
        return (self.messages[:end] for end in self.ends)


def conversation_of(messages: Sequence[AnswerMessage]) -> Conversation:
    """The conversation of an answer path; parallel calls come one after the other, each with its result."""
    said = Conversation()
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        if message.role != "assistant":
            content = message.content or ""
            said.messages.append({"role": message.role, "content": content})
            continue
        results = _results(messages[at : at + len(message.tool_calls)])
        at += len(results)
        _take_reply(said, message, results)
    said.messages = said.messages[: said.ends[-1]] if said.ends else said.messages
    _with_anchor(said.messages)
    return said


def _results(following: Sequence[AnswerMessage]) -> list[str]:
    """What the calls of a reply showed, as far as it is there."""
    results: list[str] = []
    for message in following:
        if message.role != "tool":
            break
        results.append(message.content or "")
    return results


def _take_reply(said: Conversation, message: AnswerMessage, results: Sequence[str]) -> None:
    if message.content or not message.tool_calls:
        said.messages.append({"role": "assistant", "content": message.content or ""})
    if not message.tool_calls:
        said.ends.append(len(said.messages))
    for number, call in enumerate(message.tool_calls):
        said.messages.append(_called(call))
        said.ends.append(len(said.messages))
        shown = results[number] if number < len(results) else ""
        said.messages.append({"role": "function", "name": call.name, "content": shown})


def _called(call: MessageToolCall) -> Json:
    function_call = {"name": call.name, "arguments": call.arguments}
    return {"role": "assistant", "content": None, "function_call": function_call}


def _with_anchor(messages: list[Json]) -> None:
    """Sees to it that the first message is the system's and has the words that scripts look for."""
    if not messages or messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": ""})
    text = messages[0]["content"]
    if ANCHOR not in text:
        sentence = prompts.load("export/act_sentence").render().strip()
        messages[0] = messages[0] | {"content": f"{text.rstrip()}\n\n{sentence}".lstrip()}


def training_row(query: str, messages: Sequence[Json], functions: Sequence[Json]) -> Json | None:
    """A step as ToolLLaMA is trained on it: Thought, Action and Action Input as text.

    None for a step that ends without a call.  The same row comes out of ToolBench's own preprocessing.
    """
    if "function_call" not in messages[-1]:
        return None
    turns: list[Json] = []
    thoughts = ""
    for message in messages:
        if message["role"] != "assistant":
            turns.append({"from": message["role"], "value": _value(message, functions)})
            thoughts = ""
        elif "function_call" not in message:
            thoughts += f"\nThought: {message['content']}"
        else:
            call = message["function_call"]
            action = f"\nAction: {call['name']}\nAction Input: {call['arguments']}"
            turns.append({"from": "assistant", "value": (thoughts or "\nThought: ") + action})
            thoughts = ""
    return {"id": f"Step {len(messages) - 1}: {query}", "conversations": turns}


def _value(message: Json, functions: Sequence[Json]) -> str:
    if message["role"] != "system":
        return str(message["content"])
    text = message["content"].replace(ANCHOR, ANCHOR + _FORMAT)
    return f"{text}\nSpecifically, you have access to the following APIs: {functions}"
