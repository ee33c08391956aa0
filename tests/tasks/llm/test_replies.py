from __future__ import annotations

from typing import Any

import orjson
import pytest
from llm_server import completion

from tasks.errors import BadRow, RateLimited, RequestRefused, ServerFailed
from tasks.llm.chat import Reply, ToolCall, Usage
from tasks.llm.failures import MalformedReply
from tasks.llm.replies import json_object_of, parse_reply

USAGE = Usage(tokens_in=7, tokens_out=2)


def reply_to(message: dict[str, Any], **fields: Any) -> Reply:
    return parse_reply(orjson.dumps(completion({"role": "assistant", **message}, **fields)))


def call(function: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": function, **fields}


def test_a_plain_reply() -> None:
    assert reply_to({"content": "hello"}) == Reply(
        content="hello", finish_reason="stop", usage=USAGE, model="m-2026"
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ""),
        (None, None),
        (" ", " "),
        ([], None),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "refusal", "refusal": "no"}], "no"),
        ([{"type": "image_url", "image_url": {}}], None),
    ],
)
def test_content(content: object, expected: str | None) -> None:
    assert reply_to({"content": content}).content == expected


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([call({"name": "f", "arguments": '{"a": 1}'}, id="x")], [ToolCall("x", "f", '{"a": 1}')]),
        ([call({"name": "f", "arguments": {"a": 1}}, id="x")], [ToolCall("x", "f", '{"a":1}')]),
        ([call({"name": "f", "arguments": "{broken"}, id="x")], [ToolCall("x", "f", "{broken")]),
        ([call({"name": "f", "arguments": None}, id="x")], [ToolCall("x", "f", "{}")]),
        ([call({"name": "f"}, id="")], [ToolCall("call_0", "f", "{}")]),
        (
            [call({"name": "f", "arguments": ""}, id="x"), call({"name": "g", "arguments": ""}, id="x")],
            [ToolCall("x", "f", ""), ToolCall("call_1", "g", "")],
        ),
        ([call({"arguments": "{}"}, id="x")], [ToolCall("x", "", "{}")]),
        (None, []),
    ],
    ids=["text", "object", "broken", "none", "no id", "same id twice", "no name", "no calls"],
)
def test_tool_calls(calls: object, expected: list[ToolCall]) -> None:
    assert list(reply_to({"content": None, "tool_calls": calls}).tool_calls) == expected


def test_the_older_function_call() -> None:
    reply = reply_to({"content": None, "function_call": {"name": "f", "arguments": "{}"}})
    assert reply.tool_calls == (ToolCall("call_0", "f", "{}"),)


def test_a_refusal_is_content_with_its_own_finish_reason() -> None:
    reply = reply_to({"content": None, "refusal": "I cannot help with that."})
    assert (reply.content, reply.finish_reason) == ("I cannot help with that.", "refusal")


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, "many", {"prompt_tokens": -3}])
def test_missing_usage_is_zero(usage: object) -> None:
    assert reply_to({"content": "a"}, usage=usage).usage == Usage()


def test_half_an_emoji_is_replaced() -> None:
    body = orjson.dumps(completion({"content": "cut HERE"})).replace(b"HERE", b"\\ud83d")
    assert parse_reply(body).content == "cut ?"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b'{"choices": [{"message": {"content": "cut of',
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"text": "a"}]}',
        b'{"choices": [{"message": {"content": 3}}]}',
        b'{"choices": [{"message": {"tool_calls": {"name": "f"}}}]}',
        b'{"choices": [{"message": {"tool_calls": [{"name": "f"}]}}]}',
        b"[" * 5000,
    ],
)
def test_what_is_no_completion_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedReply):
        parse_reply(body)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "slow down", "code": 429}, RateLimited),
        ({"message": "bad prompt", "code": 400}, RequestRefused),
        ({"message": "broken"}, ServerFailed),
    ],
)
def test_an_error_wrapped_in_a_success(error: object, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        parse_reply(orjson.dumps({"error": error}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1, 2]", [1, 2]),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here it is:\n```\n[{"a": 1}]\n```\nEnjoy!', [{"a": 1}]),
        ('Sure [as you asked]: {"a": {"b": [1]}} - done', {"a": {"b": [1]}}),
        ('First {"a": 1}, then {"b": 1, "c": [1, 2, 3]}.', {"b": 1, "c": [1, 2, 3]}),
        ('{"a": 1,}', {"a": 1}),
        ("{'a': 'it is'}", {"a": "it is"}),
        ('{a: 1, "b": true}', {"a": 1, "b": True}),
        ('{"a": [1, 2], "b": "cut o', {"a": [1, 2], "b": "cut o"}),
        ('```json\n{"a": [1, 2', {"a": [1, 2]}),
        ("The list is [].", []),
        ('{"a": "\\ud83d"} ', {"a": "?"}),
        ('{"a": {"b": 1}, "c": oops}', {"a": {"b": 1}, "c": "oops"}),
    ],
)
def test_json_in_a_text(text: str, expected: object) -> None:
    assert json_object_of(text) == expected


@pytest.mark.parametrize("text", ["", "I cannot do that.", "42", '"text"', "null", "{", "[" * 9000])
def test_no_json_in_a_text(text: str) -> None:
    with pytest.raises(BadRow) as caught:
        json_object_of(text)
    assert caught.value.reason == "malformed_reply"
