"""What is said to a model and what it says back, free of any client library; and how replies are kept.

A `Transcript` is an immutable linked list: appending shares the past, and its digest grows with each
message, so that keying a request costs the new message and not the whole conversation.  Replies that were
paid for are kept for ever: the same question of the same row is never asked twice.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import orjson

import prompts
from tasks import exact_json
from tasks.errors import BrokenContract
from tasks.exact_json import digest_of
from tasks.llm.thinking import without_thinking

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


class KeyValues(Protocol):
    """What is needed of `tasks.transport.kvstore.DurableMap`."""

    async def get(self, key: bytes) -> bytes | None: ...

    async def put(self, key: bytes, value: bytes) -> None: ...


def reply_key(row_id: str, ordinal: int, request_digest: str) -> bytes:
    """128 bits.  Made of content alone, so that another port, key or folder finds the same replies."""
    return bytes.fromhex(digest_of([row_id, ordinal, request_digest]))


class StoresReplies(Protocol):
    """Where a reply is kept before it is used."""

    async def put(self, key: bytes, reply: Reply) -> None: ...


class ReplyStore:
    """Replies by row, ordinal within the row, and request."""

    def __init__(self, entries: KeyValues) -> None:
        self._entries = entries

    async def get(self, key: bytes) -> Reply | None:
        value = await self._entries.get(key)
        return None if value is None else decode_reply(value)

    async def put(self, key: bytes, reply: Reply) -> None:
        """Returns once the reply is committed; only then may it be used."""
        await self._entries.put(key, encode_reply(reply))


class NullStore:
    """`KeyValues` that keeps nothing: every question is asked."""

    async def get(self, key: bytes) -> bytes | None:  # noqa: ARG002
        return None

    async def put(self, key: bytes, value: bytes) -> None:
        pass


_PLAIN = b"1"
_DEFLATED = b"2"
_WORTH_DEFLATING = 1024
_SELDOM = ("thinking", "state")
_FORMATS: Mapping[bytes, Callable[[bytes], bytes]] = {_PLAIN: bytes, _DEFLATED: zlib.decompress}


def encode_reply(reply: Reply) -> bytes:
    """One byte that names the format, then JSON, deflated where that is worth it."""
    entry: Json = {
        "content": reply.content,
        "tool_calls": [_call_entry(call) for call in reply.tool_calls],
        "finish_reason": reply.finish_reason,
        "usage": [reply.usage.tokens_in, reply.usage.tokens_out],
        "model": reply.model,
    }
    entry.update({name: value for name in _SELDOM if (value := getattr(reply, name)) is not None})
    text = orjson.dumps(entry)
    if len(text) < _WORTH_DEFLATING:
        return _PLAIN + text
    return _DEFLATED + zlib.compress(text, level=1)


def _call_entry(call: ToolCall) -> list[Any]:
    written = [call.id, call.name, call.arguments]
    return written if call.state is None else [*written, call.state]


def decode_reply(value: bytes) -> Reply:
    """Raises `BrokenContract` for an entry that this version cannot have written.

    Earlier versions kept thinking within the content.
    """
    try:
        entry = orjson.loads(_FORMATS[value[:1]](value[1:]))
        content, thinking = entry["content"], entry.get("thinking")
        if content and "thinking" not in entry:
            content, thinking = without_thinking(content)
        return Reply(
            content=content,
            tool_calls=tuple(ToolCall(*call) for call in entry["tool_calls"]),
            finish_reason=entry["finish_reason"],
            usage=Usage(*entry["usage"]),
            model=entry["model"],
            thinking=thinking,
            state=entry.get("state"),
        )
    except (ValueError, LookupError, TypeError, zlib.error) as error:
        raise BrokenContract(
            f"the reply store holds an entry that cannot be read: {error!r}",
            fix="it was damaged, or written by a newer Toolloom: use that version, or move the file in "
            "<data>/store aside (its replies are then paid for again)",
        ) from error
