from __future__ import annotations

import json
from typing import Any

import pytest
from llm_server import completion

from tasks.errors import EndpointDown, RateLimited, RequestRefused, ServerFailed
from tasks.llm.batching.api import OtherLengthField, Result, read_result, request_line
from tasks.llm.chat import Reply, Usage
from tasks.llm.failures import KeyRefused, MalformedReply

REPLY = Reply(content="hello", finish_reason="stop", usage=Usage(7, 2), model="m-2026")


def line(status: Any, body: Any, **more: Any) -> bytes:
    response = {"status_code": status, "request_id": "r", "body": body}
    return json.dumps({"id": "1", "custom_id": "ab", "response": response, "error": None, **more}).encode()


def error(message: str = "no", code: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "code": code}}


def test_a_request_is_a_line_with_its_body_as_it_is() -> None:
    assert request_line("ab", b'{"model":"m","x":1.0}') == (
        b'{"custom_id":"ab","method":"POST","url":"/v1/chat/completions","body":{"model":"m","x":1.0}}\n'
    )


def test_a_reply_is_that_of_the_chat_route() -> None:
    assert read_result(line(200, completion()), "m") == Result("ab", REPLY)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, None, MalformedReply),
        (200, {"choices": []}, MalformedReply),
        (200, error(code="429"), RateLimited),
        (400, error(), RequestRefused),
        (400, error("use 'max_completion_tokens' instead"), OtherLengthField),
        (401, error(), KeyRefused),
        (429, error(), RateLimited),
        (429, error(code="insufficient_quota"), EndpointDown),
        (500, error(), ServerFailed),
        ("200", completion(), MalformedReply),
    ],
)
def test_a_failure_is_that_of_the_chat_route(status: Any, body: Any, kind: type[Exception]) -> None:
    result = read_result(line(status, body), "m")
    assert result is not None
    assert type(result.outcome) is kind


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"custom_id": 1, "response": {}}',
        b'{"response": {"status_code": 200}}',
        b'{"custom_id": "ab", "response": null, "error": {"code": "batch_expired", "message": "late"}}',
    ],
)
def test_a_line_without_an_answer_to_a_request_is_passed_over(raw: bytes) -> None:
    assert read_result(raw, "m") is None
