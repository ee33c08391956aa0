from __future__ import annotations

import asyncio
import zlib
from pathlib import Path

import pytest

from tasks.errors import BrokenContract
from tasks.llm.chat import Reply, ReplyStore, ToolCall, Usage, decode_reply, encode_reply, reply_key
from tasks.transport.kvstore import DurableMap

SHORT = Reply(content="hello", finish_reason="stop", usage=Usage(3, 1), model="m")
LONG = Reply(
    content=None,
    tool_calls=(ToolCall("call_0", "f", '{"a": "' + "x" * 5000 + '"}'), ToolCall("call_1", "g", "{broken")),
    finish_reason="tool_calls",
)


THINKING = Reply(
    content=None,
    tool_calls=(ToolCall("c", "f", "{}", {"extra_content": {"a": 1}}), ToolCall("d", "g", "{}")),
    thinking="Hm.",
    state={"reasoning_content": "Hm."},
)


@pytest.mark.parametrize("reply", [SHORT, LONG, THINKING, Reply(content="é 🙂 \u2028")])
def test_a_reply_comes_back_as_it_was(reply: Reply) -> None:
    assert decode_reply(encode_reply(reply)) == reply


def test_the_format_of_what_is_kept_for_ever() -> None:
    text = '"content":"hello","tool_calls":[],"finish_reason":"stop","usage":[3,1],"model":"m"'
    assert encode_reply(SHORT) == b"1{" + text.encode() + b"}"
    assert encode_reply(LONG)[:1] == b"2"
    assert len(encode_reply(LONG)) < 300


@pytest.mark.parametrize(
    "value",
    [b"", b"9{}", b"1{", b"1[]", b"1{}", b"2abc", b"2" + zlib.compress(b"{}"), encode_reply(LONG)[:-9]],
)
def test_an_entry_that_cannot_be_read_is_no_reply(value: bytes) -> None:
    with pytest.raises(BrokenContract, match="cannot be read"):
        decode_reply(value)


def test_each_part_of_the_key_counts() -> None:
    keys = [reply_key("a", 0, "d"), reply_key("b", 0, "d"), reply_key("a", 1, "d"), reply_key("a", 0, "e")]
    assert (len(set(keys)), {len(key) for key in keys}) == (4, {16})


def test_keys_stay_the_same() -> None:
    assert reply_key("row", 2, "digest").hex() == "70f3bcebb00188e6e6ea8f8f724f867b"


def test_a_stored_reply_outlives_its_process(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    key = reply_key("a", 0, "d")

    async def put() -> None:
        with DurableMap(path) as entries:
            await ReplyStore(entries).put(key, LONG)

    async def get() -> list[Reply | None]:
        with DurableMap(path) as entries:
            store = ReplyStore(entries)
            return [await store.get(key), await store.get(reply_key("a", 1, "d"))]

    asyncio.run(put())
    assert asyncio.run(get()) == [LONG, None]


def test_thinking_that_an_earlier_version_left_in_the_content_is_taken_off() -> None:
    kept = decode_reply(encode_reply(Reply(content="<think>Hm.</think>Yes.")))
    assert (kept.content, kept.thinking) == ("Yes.", "Hm.")
