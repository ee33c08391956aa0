"""The endpoint against the sandbox's teacher, which was written without knowing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from lesser_endpoints import PlainModel
from llm_server import ApplicationThread

from sandbox.teacher import TeacherFaults, build_teacher
from tasks.errors import UsageError
from tasks.llm.chat import ChatRequest, Message, Reply, Transcript
from tasks.llm.detect import detect_capabilities
from tasks.llm.endpoint import Endpoint
from tasks.llm.params import Capabilities, LlmParams

KEY = "teacher-key-0123456789"


@pytest.fixture
def url() -> Iterator[str]:
    faults = TeacherFaults(rate_limited=0.3, server_error=0.2, dropped=0.2, retry_after_s=0.02)
    with ApplicationThread(build_teacher(faults, KEY)) as base_url:
        yield base_url


def params(url: str, model: str = "toolloom-teacher") -> LlmParams:
    return LlmParams(base_url=f"{url}/v1", model=model, api_key_env="TEACHER_KEY", timeout_s=10)


def test_every_request_is_answered_whatever_the_faults(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    requests = [
        ChatRequest(transcript=Transcript.of(Message(role="user", content=f"Hello, number {i}")))
        for i in range(60)
    ]

    async def run() -> list[Reply]:
        async with Endpoint(params(url), first_pause_s=0.02) as endpoint:
            await endpoint.check()
            return await asyncio.gather(*(endpoint.ask(endpoint.prepare(request)) for request in requests))

    replies = asyncio.run(run())
    assert {reply.model for reply in replies} == {"toolloom-teacher"}
    assert all(reply.usage.tokens_in and reply.usage.tokens_out for reply in replies)
    assert all(reply.content or reply.tool_calls for reply in replies)


def test_a_wrong_key_is_found_before_the_first_request(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        async with Endpoint(params(url), first_pause_s=0.02) as endpoint:
            await endpoint.check()

    monkeypatch.setenv("TEACHER_KEY", "wrong")
    with pytest.raises(UsageError, match="TEACHER_KEY"):
        asyncio.run(check())


def test_the_trial_finds_all_that_the_teacher_can_do(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def trial(model: str) -> Capabilities:
        async with Endpoint(params(url, model), first_pause_s=0.02) as endpoint:
            return await detect_capabilities(PlainModel(endpoint, attempts=8), endpoint.params)

    monkeypatch.setenv("TEACHER_KEY", KEY)
    assert asyncio.run(trial("toolloom-teacher")) == Capabilities()
    with pytest.raises(UsageError, match="toolloom-teacher"):
        asyncio.run(trial("gpt"))
