"""What is said to a model and what it says back, free of any client library.

A `Transcript` is an immutable linked list: appending shares the past, and its digest grows with each
message, so that keying a request costs the new message and not the whole conversation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import prompts
from tasks import exact_json
from tasks.exact_json import digest_of

Json = exact_json.Json


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function call as the model wrote it: `arguments` is its text, perhaps not JSON.

    id: "" where the endpoint gave none.  state: what else the endpoint said with it and wants back
    (Gemini's `extra_content`).
    """

    id: str
    name: str
    arguments: str
    state: Json | None = field(default=None, hash=False)

    def wire(self) -> Json:
        """As OpenAI's chat protocol writes it."""
        function: Json = {"name": self.name, "arguments": self.arguments}
        call: Json = {"id": self.id, "type": "function", "function": function}
        if self.state is not None:
            function.update(self.state.get("function", {}))
            call.update((name, value) for name, value in self.state.items() if name != "function")
        return call


@dataclass(frozen=True, slots=True)
class Message:
    """One message.  role: system, user, assistant or tool (then with the id of the call it answers).

    state: what else the endpoint said in the message and wants back (`reasoning_content`).
    """

    role: str
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    state: Json | None = field(default=None, hash=False)

    def wire(self) -> Json:
        """As OpenAI's chat protocol writes it."""
        message: Json = {"role": self.role, "content": self.content}
        if self.tool_calls:
            message["tool_calls"] = [call.wire() for call in self.tool_calls]
        if self.tool_call_id is not None:
            message["tool_call_id"] = self.tool_call_id
        if self.state is not None:
            message.update(self.state)
        return message


class Transcript:
    """A conversation so far.  n_texts: messages of the assistant that call nothing."""

    __slots__ = ("_last", "_past", "digest", "length", "n_texts")

    def __init__(self, past: Transcript | None = None, last: Message | None = None) -> None:
        self._past = past
        self._last = last
        self.length: int = 0 if past is None else past.length + 1
        is_text = last is not None and last.role == "assistant" and not last.tool_calls
        self.n_texts: int = is_text + (0 if past is None else past.n_texts)
        self.digest: str = "" if past is None or last is None else digest_of([past.digest, last.wire()])

    @classmethod
    def of(cls, *messages: Message) -> Transcript:
        transcript = cls()
        for message in messages:
            transcript = transcript.append(message)
        return transcript

    def append(self, message: Message) -> Transcript:
        return Transcript(self, message)

    def extend(self, *messages: Message) -> Transcript:
        transcript = self
        for message in messages:
            transcript = transcript.append(message)
        return transcript

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages())

    def messages(self) -> tuple[Message, ...]:
        backwards: list[Message] = []
        at: Transcript | None = self
        while at is not None and at._last is not None:
            backwards.append(at._last)
            at = at._past
        return tuple(reversed(backwards))


@dataclass(frozen=True)
class ToolSet:
    """The functions offered, as OpenAI's `tools` parameter.

    texts: the JSON text of each.  A search holds them for as long as it takes, and as objects they would
    be twice the size.
    """

    texts: tuple[bytes, ...]

    @classmethod
    def of(cls, *tools: Json) -> ToolSet:
        return cls(tuple(map(exact_json.dumps, tools)))

    @property
    def tools(self) -> tuple[Json, ...]:
        return tuple(map(exact_json.loads, self.texts))

    @property
    def text(self) -> bytes:
        """The JSON text of them all."""
        return b"[" + b",".join(self.texts) + b"]"

    @cached_property
    def digest(self) -> str:
        return digest_of(self.tools)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request.  response_format, tool_choice: as in the protocol.  None leaves the endpoint's default.

    body: further fields of the request's body, as `[llm] body` has them.
    answers_texts: a text of the model that nobody answered gets a word behind it, see `adapt`.
    """

    transcript: Transcript
    tools: ToolSet | None = None
    tool_choice: str | None = None
    response_format: Json | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    body: Json | None = None
    answers_texts: bool = False

    def digest(self, model: str) -> str:
        """What the reply depends on: model, conversation, tools and sampling settings; never the address."""
        return digest_of(
            [
                model,
                self.transcript.digest,
                None if self.tools is None else self.tools.digest,
                self.tool_choice,
                self.response_format,
                self.temperature,
                self.max_tokens,
                self.seed,
                *([self.body] if self.body else ()),  # without any the key is what it was before there were
            ]
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the endpoint counts them."""

    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def total(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model answered.  content: None when the reply had none, which "" is not.

    thinking: what the model thought first, in whatever form; it is no part of the content.  state: fields
    of the message that the endpoint wants back when the message is shown to it again.
    """

    content: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    thinking: str | None = None
    state: Json | None = field(default=None, hash=False)


class ChatModel(Protocol):
    """A model as the stages see it.

    `row_id` and `ordinal` name the request: the n-th one made for that row.  A reply already stored
    under (row_id, ordinal, request digest) is returned without asking.  Raises `RequestRefused` when the
    endpoint refuses this request, `StopRun` when the run must end; retries everything transient itself.
    """

    @property
    def name(self) -> str: ...

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply: ...


TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "integer"}


def list_of(items: Json, *, least: int | None = None, most: int | None = None) -> Json:
    """least, most: items; left out for endpoints that take no schema with them (see `adapt`)."""
    bounds = {"minItems": least, "maxItems": most}
    return {"type": "array", "items": items} | {name: n for name, n in bounds.items() if n is not None}


def one_of(*texts: str) -> Json:
    return {"type": "string", "enum": list(dict.fromkeys(texts))}


def record(**properties: Json) -> Json:
    """An object with just these keys, in this order; strict endpoints want each of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def reply_format(name: str, schema: Json) -> Json:
    """`response_format` of a request whose reply is to be JSON of that schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


_LONGEST_QUOTE = 2_000


def asked_again(request: ChatRequest, said: str, why: str) -> ChatRequest:
    """The request behind its unusable reply, of which the beginning is shown.  why: for the model."""
    quoted = said.strip()[:_LONGEST_QUOTE] or "(nothing)"
    note = prompts.load("again/unusable_reply").render(why=why)
    shown = request.transcript.extend(Message("assistant", quoted), Message("user", note))
    return replace(request, transcript=shown)
