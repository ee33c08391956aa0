from __future__ import annotations

from typing import Any

import orjson
import pytest
from llm_server import completion

from tasks.errors import BadRow, RateLimited, RequestRefused, ServerFailed
from tasks.llm.chat import Reply, ToolCall, Usage
from tasks.llm.failures import BrokenOff, MalformedReply
from tasks.llm.replies import json_object_of, parse_reply, reply_of, usage_in

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
        ([call({"name": "f"}, id="")], [ToolCall("", "f", "{}")]),
        (
            [call({"name": "f", "arguments": ""}, id="x"), call({"name": "g", "arguments": ""}, id="x")],
            [ToolCall("x", "f", ""), ToolCall("", "g", "")],
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
    assert reply.tool_calls == (ToolCall("", "f", "{}"),)


def test_a_refusal_is_content_with_its_own_finish_reason() -> None:
    reply = reply_to({"content": None, "refusal": "I cannot help with that."})
    assert (reply.content, reply.finish_reason) == ("I cannot help with that.", "refusal")


def test_thinking_is_no_content() -> None:
    reply = reply_to({"content": "<think>\nA draft: [1].\n</think>\n\n[2]"})
    assert (reply.content, reply.thinking) == ("[2]", "A draft: [1].")


@pytest.mark.parametrize(
    ("message", "thinking", "state"),
    [
        ({"reasoning_content": "Hm."}, "Hm.", {"reasoning_content": "Hm."}),
        ({"reasoning_content": "", "reasoning": None}, None, {"reasoning_content": ""}),
        ({"reasoning_content": None, "audio": {"id": 1}, "annotations": [1], "refusal": None}, None, None),
        (
            {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm."}, {"data": "x"}]},
            "Hm.",
            {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm."}, {"data": "x"}]},
        ),
        (
            {"extra_content": {"google": {"thought_signature": "abc"}}, "x": [], "y": False},
            None,
            {"extra_content": {"google": {"thought_signature": "abc"}}},
        ),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                    {"type": "text", "text": "Yes."},
                ]
            },
            "Hm.",
            None,
        ),
        ({"content": [{"type": "reasoning", "text": "Hm."}, "Yes."]}, "Hm.", None),
        (
            {"content": [{"type": "text", "text": "<thi"}, {"type": "text", "text": "nk>Hm.</think>Yes."}]},
            "Hm.",
            None,
        ),
    ],
)
def test_what_was_thought_and_what_is_wanted_back(
    message: dict[str, Any], thinking: str | None, state: object
) -> None:
    reply = reply_to({"content": "Yes.", **message})
    assert (reply.content, reply.thinking, reply.state) == ("Yes.", thinking, state)


def test_state_of_calls_is_kept_with_them() -> None:
    function = {"name": "f", "arguments": "{}", "signature": "s"}
    calls = [call(function, id="x", index=0, extra_content={"a": 1}), call({"name": "g"}, id="y", index=1)]
    kept = reply_to({"content": None, "tool_calls": calls}).tool_calls
    assert [one.state for one in kept] == [{"extra_content": {"a": 1}, "function": {"signature": "s"}}, None]
    assert kept[0].wire() == {"id": "x", "type": "function", "function": function, "extra_content": {"a": 1}}


def test_arguments_as_an_object_are_written_whatever_they_hold() -> None:
    calls = [call({"name": "f", "arguments": {"half": "\ud83d", "many": 10**30}}, id="x")]
    decoded = completion({"content": None, "tool_calls": calls})
    assert (
        reply_of(decoded).tool_calls[0].arguments
        == '{"half":"\\ud83d","many":1000000000000000000000000000000}'
    )


def test_state_that_cannot_be_written_is_mended() -> None:
    decoded = completion({"content": "a", "extra": {"half": "\ud83d", "many": 10**30}})
    assert reply_of(decoded).state == {"extra": {"half": "?", "many": 1e30}}


@pytest.mark.parametrize(
    "error",
    [
        {"finish_reason": "error", "error": {"code": 502, "message": "Upstream error"}},
        {"finish_reason": "error"},
        {"finish_reason": "insufficient_system_resource"},
        {"finish_reason": "stop", "error": {"message": "no code"}},
        {"finish_reason": "server_error"},
        {"message": {"content": "half an ans", "error": {"message": "the worker is gone"}}},
    ],
)
def test_an_error_inside_the_choice_is_a_failure(error: dict[str, Any]) -> None:
    body = completion({"role": "assistant", "content": "half an ans"})
    body["choices"][0].update(error)
    with pytest.raises(BrokenOff):
        parse_reply(orjson.dumps(body))


def test_an_error_beside_a_choice_that_says_nothing_is_a_failure() -> None:
    with pytest.raises(RateLimited):
        parse_reply(orjson.dumps(completion({"content": ""}) | {"error": {"code": 429, "message": "slow"}}))


def test_an_error_with_words_fails_what_was_said_before_it_and_an_empty_one_nothing() -> None:
    said = completion({"content": "half an ans"})
    with pytest.raises(BrokenOff):
        parse_reply(orjson.dumps(said | {"error": {"code": 502, "message": "upstream is gone"}}))
    assert parse_reply(orjson.dumps(said | {"error": {"code": 0, "message": ""}})).content == "half an ans"


def test_drafts_within_thinking_are_no_json_of_the_reply() -> None:
    assert json_object_of('<think>{"a": [1, 2, 3]} is too long</think>{"a": [1]}') == {"a": [1]}
    assert json_object_of('{"a": "</think>"}') == {"a": "</think>"}


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


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, (10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5}, (10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}, (10, 0)),
        # OpenAI: a part of the completion.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 50,
                "total_tokens": 60,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            (10, 50),
        ),
        # xAI: beside it, in the total.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 915,
                "completion_tokens_details": {"reasoning_tokens": 900},
            },
            (10, 905),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 915}, (10, 905)),
        ({"total_tokens": 900}, (0, 900)),
        # Perplexity: beside both.
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "reasoning_tokens": 70}, (10, 75)),
        ({"completion_tokens": 5, "prompt_tokens": 10, "total_tokens": 12}, (10, 5)),
        ({"prompt_tokens": 10.0, "completion_tokens": 5.2, "total_tokens": 15.2}, (10, 6)),
        ({"prompt_tokens": "10", "completion_tokens": "5"}, (10, 5)),
        ({"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}}, (10, 5)),
        # Anthropic, Bedrock: what went through the cache is beside the input.
        (
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_creation_input_tokens": 100,
                "cache_read_input_tokens": 1000,
            },
            (1110, 5),
        ),
        ({"inputTokens": 10, "outputTokens": 5, "totalTokens": 65, "cacheReadInputTokens": 50}, (60, 5)),
        (
            {"prompt_tokens": 1010, "completion_tokens": 5, "cache_read_input_tokens": 1000},
            (1010, 5),
        ),
        # DeepSeek.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_cache_hit_tokens": 4,
                "prompt_cache_miss_tokens": 6,
            },
            (10, 5),
        ),
        ({"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6, "completion_tokens": 5}, (10, 5)),
        ({"tokens": {"input_tokens": 10, "output_tokens": 5}}, (10, 5)),
        ({"tokens": {"input": 10, "output": 5, "total": 15}}, (10, 5)),
        # Gateways: thinking by other names, numbers as text, a part for each of several models.
        ({"promptTokens": 10, "completionTokensDetails": {"reasoningTokens": 80}}, (10, 80)),
        (
            {"input_tokens": 10, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 80}},
            (10, 85),
        ),
        ({"prompt_tokens": "10.0", "completion_tokens": "5.0", "total_tokens": "95.0"}, (10, 85)),
        ([{"prompt_tokens": 10, "completion_tokens": 5}, {"input_tokens": 1, "output_tokens": 2}], (11, 7)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "completion_tokens_details": "none",
            },
            (10, 5),
        ),
        # What cannot be a count takes nothing off.
        ({"prompt_tokens": 10, "completion_tokens": -5, "total_tokens": 15}, (10, 5)),
        ({"prompt_tokens": -10, "completion_tokens": 5, "total_tokens": -5}, (0, 5)),
        ({"prompt_tokens": 10**30, "completion_tokens": 5}, (0, 5)),
        ({"prompt_tokens": True, "completion_tokens": float("nan")}, (0, 0)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": float("inf")}, (10, 5)),
        ({"prompt_tokens": None}, (0, 0)),
        ({"prompt_tokens": [10], "completion_tokens_details": 3}, (0, 0)),
        ({}, (0, 0)),
        (None, (0, 0)),
        ("many", (0, 0)),
    ],
)
def test_usage(told: Any, usage: tuple[int, int]) -> None:
    assert usage_in({"usage": told}, {}) == Usage(*usage)


@pytest.mark.parametrize(
    ("completion", "choice"),
    [
        (
            {
                "usageMetadata": {
                    "promptTokenCount": 7,
                    "toolUsePromptTokenCount": 3,
                    "candidatesTokenCount": 2,
                    "thoughtsTokenCount": 3,
                    "totalTokenCount": 15,
                }
            },
            {},
        ),
        (
            {
                "usage_metadata": {
                    "prompt_token_count": 10,
                    "candidates_token_count": 2,
                    "thoughts_token_count": 3,
                }
            },
            {},
        ),
        ({"usage": None}, {"usage": {"prompt_tokens": 10, "completion_tokens": 5}}),
        ({"x_groq": {"usage": {"prompt_tokens": 10, "completion_tokens": 5}}}, {}),
        ({"prompt_eval_count": 10, "eval_count": 5}, {}),
    ],
    ids=["gemini", "gemini, other case", "in the choice", "groq", "ollama"],
)
def test_usage_in_other_places(completion: dict[str, Any], choice: dict[str, Any]) -> None:
    assert usage_in(completion, choice) == Usage(10, 5)
