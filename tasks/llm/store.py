"""Replies that were paid for, kept for ever: the same question of the same row is never asked twice."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from tasks.errors import BrokenContract
from tasks.exact_json import digest_of
from tasks.llm.chat import Json, Reply, ToolCall, Usage
from tasks.llm.thinking import without_thinking

_PLAIN = b"1"
_DEFLATED = b"2"
_WORTH_DEFLATING = 1024
_SELDOM = ("thinking", "state")
_FORMATS: Mapping[bytes, Callable[[bytes], bytes]] = {_PLAIN: bytes, _DEFLATED: zlib.decompress}


class KeyValues(Protocol):
    """What is needed of `tasks.transport.kvstore.DurableMap`."""

    async def get(self, key: bytes) -> bytes | None: ...

    async def put(self, key: bytes, value: bytes) -> None: ...


def reply_key(row_id: str, ordinal: int, request_digest: str) -> bytes:
    """128 bits.  Made of content alone, so that another port, key or folder finds the same replies."""
    return bytes.fromhex(digest_of([row_id, ordinal, request_digest]))


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
