"""Requests put so that an endpoint understands them, and its replies read accordingly.  Pure.

A request for an endpoint that can do everything is sent as it is.  For others the same is asked for in
words: the request that results is a request of its own, with a digest of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import prompts
from tasks.llm.abilities import Abilities
from tasks.llm.chat import ChatRequest, Json, Message, Reply, ToolCall, ToolSet, Transcript
from tasks.llm.params import LlmParams
from tasks.llm.text_calls import may_hold_calls, read_calls

_MAY_NOT_CALL = "none"
_BOUNDS = frozenset({"minItems", "maxItems"})


def completed(request: ChatRequest, params: LlmParams) -> ChatRequest:
    """The request with what it leaves open filled in from `[llm]`."""
    return replace(
        request,
        temperature=params.temperature if request.temperature is None else request.temperature,
        max_tokens=params.max_tokens if request.max_tokens is None else request.max_tokens,
        body=params.body or None,
    )


def understood(request: ChatRequest, abilities: Abilities) -> ChatRequest:
    """The request as this endpoint can be asked."""
    if request.tools is not None and not abilities.tools:
        request = _with_functions_in_words(request, request.tools)
    else:
        request = prompted(request, always=not abilities.free_order)
        if request.tool_choice == _MAY_NOT_CALL and not abilities.tool_choice:
            request = replace(request, tools=None, tool_choice=None)
    if request.response_format is not None:
        request = _with_format(request, request.response_format, abilities)
    if not (abilities.free_order and abilities.system):
        request = replace(request, transcript=_in_order(request.transcript, system=abilities.system))
    return request if abilities.seed else replace(request, seed=None)


def _in_order(transcript: Transcript, *, system: bool) -> Transcript:
    """The conversation for endpoints where roles must alternate; system: whether that one may speak."""
    messages = [
        message if system or message.role != "system" else Message("user", message.content)
        for message in transcript.messages()
    ]
    # What the user says after a function's result or after another word is joined to it.
    joins = {("user", "user"), ("tool", "user")}
    return Transcript.of(*_joined(messages, lambda held, new: (held.role, new.role) in joins))


def _joined(messages: list[Message], joins: Callable[[Message, Message], bool]) -> Iterator[Message]:
    """The messages; one that joins what is before it is no message of its own."""
    held: Message | None = None
    for message in messages:
        if held is not None and joins(held, message):
            held = replace(held, content=f"{held.content or ''}\n\n{message.content or ''}")
            continue
        if held is not None:
            yield held
        held = message
    if held is not None:
        yield held


def _is_same_role(held: Message, new: Message) -> bool:
    """Many chat templates want roles to alternate."""
    return held.role == new.role


def prompted(request: ChatRequest, *, always: bool = False) -> ChatRequest:
    """The request with a word behind each text of the model that nobody answered.

    Servers refuse a conversation that ends with the assistant, or go on writing its last message.  always:
    also where the request does not ask for it.
    """
    if not (request.answers_texts or always) or not request.transcript.n_texts:
        return request
    said = request.transcript.messages()
    messages: list[Message] = []
    for message, following in zip(said, (*said[1:], None), strict=True):
        messages.append(message)
        is_text = message.role == "assistant" and not message.tool_calls
        if is_text and (following is None or following.role == "assistant"):
            messages.append(Message("user", prompts.load("endpoint/go_on").render()))
    return replace(request, transcript=Transcript.of(*messages)) if len(messages) > len(said) else request


def heard(reply: Reply, request: ChatRequest, abilities: Abilities) -> Reply:
    """The reply to `request`, the one that was meant, with the calls that it writes as text.

    A server that calls functions natively may leave one in the text, when its parser does not know the
    marks of the model or stumbles.
    """
    if request.tools is None or not reply.content or reply.tool_calls:
        return reply
    if request.tool_choice == _MAY_NOT_CALL or (abilities.tools and not may_hold_calls(reply.content)):
        return reply
    thought, calls = read_calls(reply.content, _schemas(request.tools), left_over=abilities.tools)
    return replace(reply, content=thought, tool_calls=calls) if calls else reply


def _schemas(tools: ToolSet) -> Json:
    """The schemas of the functions' arguments, by name."""
    functions = (tool["function"] for tool in tools.tools)
    return {str(function["name"]): function.get("parameters") or {} for function in functions}


def _with_functions_in_words(request: ChatRequest, tools: ToolSet) -> ChatRequest:
    messages = [_in_words(message) for message in request.transcript.messages()]
    if messages[-1].role == "assistant":
        messages.append(Message("user", prompts.load("endpoint/go_on").render()))
    if request.tool_choice != _MAY_NOT_CALL:
        functions = [tool["function"] for tool in tools.tools]
        told = prompts.load("endpoint/functions_in_words").render(functions=functions)
        messages.insert(int(messages[0].role == "system"), Message("system", told))
    alternating = _joined(messages, _is_same_role)
    return replace(request, transcript=Transcript.of(*alternating), tools=None, tool_choice=None)


def _in_words(message: Message) -> Message:
    if message.role == "tool":
        return Message("user", f"Observation: {message.content or ''}")
    if not message.tool_calls:
        return message if message.state is None else Message(message.role, message.content)
    said = [f"Thought: {message.content}"] if message.content else []
    return Message(message.role, "\n".join([*said, *map(_call_in_words, message.tool_calls)]))


def _call_in_words(call: ToolCall) -> str:
    return f"Action: {call.name}\nAction Input: {call.arguments}"


def _with_format(request: ChatRequest, wanted: Json, abilities: Abilities) -> ChatRequest:
    kind = wanted.get("type")
    if kind == "json_schema" and abilities.json_schema and not abilities.bounds:
        return replace(request, response_format=_without_bounds(wanted))
    if (kind == "json_schema" and abilities.json_schema) or kind not in {"json_schema", "json_object"}:
        return request
    if kind == "json_object" and abilities.json_object:
        return request
    if kind == "json_schema":
        schema = wanted.get("json_schema", {}).get("schema", {})
        told = prompts.load("endpoint/json_schema").render(schema=schema)
    else:
        told = prompts.load("endpoint/json_object").render()
    return replace(
        request,
        transcript=_with_words(request.transcript, told),
        response_format={"type": "json_object"} if abilities.json_object else None,
    )


def _without_bounds(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_bounds(item) for name, item in value.items() if name not in _BOUNDS}
    return [_without_bounds(item) for item in value] if isinstance(value, list) else value


def _with_words(transcript: Transcript, told: str) -> Transcript:
    said = [*transcript.messages(), Message("user", told)]
    return Transcript.of(*_joined(said, _is_same_role))
