"""The teacher's HTTP side, as OpenAI's own client and a plain HTTP client see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai
import pytest
from aiohttp import web
from openai import AsyncOpenAI

import prompts
from sandbox.teacher import TeacherFaults, build_teacher

Json = dict[str, Any]
MODEL = "toolloom-teacher"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
FINISH = {"type": "function", "function": {"name": "Finish", "description": "Ends.", "parameters": {}}}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Returns the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Name of the city."}},
            "required": ["city"],
        },
    },
}
TOOLS: list[Any] = [WEATHER, FINISH]
QUESTION: list[Any] = [{"role": "user", "content": "Please tell me the weather of the city Oslo."}]


@asynccontextmanager
async def serving(faults: TeacherFaults | None = None, api_key: str | None = None) -> AsyncIterator[str]:
    app = build_teacher(faults or TeacherFaults.none(), api_key)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def with_client(
    use: Callable[[AsyncOpenAI], Awaitable[Any]],
    *,
    faults: TeacherFaults | None = None,
    api_key: str | None = None,
) -> Any:
    async def run() -> Any:
        async with (
            serving(faults, api_key) as url,
            AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client,
        ):
            return await use(client)

    return asyncio.run(run())


def with_http(use: Callable[[aiohttp.ClientSession], Awaitable[Any]], **server: Any) -> Any:
    async def run() -> Any:
        async with serving(**server) as url, aiohttp.ClientSession(url) as session:
            return await use(session)

    return asyncio.run(run())


async def post(session: aiohttp.ClientSession, body: Json | bytes) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post("/v1/chat/completions", data=raw) as response:
        return response.status, await response.json()


async def stats(session: aiohttp.ClientSession) -> Any:
    async with session.get("/stats") as response:
        return await response.json()


def test_the_model_says_that_it_is_a_stand_in() -> None:
    models = with_client(lambda client: client.models.list())

    assert [(model.id, model.owned_by) for model in models.data] == [
        (MODEL, "toolloom sandbox: rules, not a model")
    ]


def test_one_model_can_be_asked_for() -> None:
    assert with_client(lambda client: client.models.retrieve(MODEL)).id == MODEL


def test_a_request_of_no_stage_is_answered_as_a_stand_in_would() -> None:
    reply = with_client(lambda client: client.chat.completions.create(model=MODEL, messages=HELLO))

    assert (reply.model, reply.choices[0].finish_reason) == (MODEL, "stop")
    assert reply.choices[0].message.content == (
        "This is a stand-in that follows rules and is no language model; it has no rule for this request."
    )
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 20


def test_json_is_kept_to_where_it_was_asked_for() -> None:
    reply = with_client(
        lambda client: client.chat.completions.create(
            model=MODEL, messages=HELLO, response_format={"type": "json_object"}
        )
    )

    assert set(json.loads(reply.choices[0].message.content)) == {"note"}


def test_an_unknown_model_is_refused_as_openai_does() -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        with_client(lambda client: client.chat.completions.create(model="gpt-x", messages=HELLO))

    assert (caught.value.status_code, caught.value.code, caught.value.type) == (
        404,
        "model_not_found",
        "invalid_request_error",
    )


def test_a_wrong_key_is_refused() -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        with_client(lambda client: client.models.list(), api_key="right")

    assert caught.value.code == "invalid_api_key"


def test_the_right_key_opens() -> None:
    assert len(with_client(lambda client: client.models.list(), api_key="x").data) == 1


ASKING: Json = {"model": MODEL, "messages": HELLO}


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (b"{", None, "not valid JSON"),
        (b"[]", None, "must be a JSON object"),
        ({"messages": HELLO}, "model", "must provide a model"),
        ({"model": MODEL}, "messages", "at least one message"),
        ({"model": MODEL, "messages": []}, "messages", "at least one message"),
        ({"model": MODEL, "messages": [{"role": "wizard"}]}, "messages", "known 'role'"),
        ({"model": MODEL, "messages": ["hello"]}, "messages", "known 'role'"),
        (
            {"model": MODEL, "messages": [{"role": "tool", "tool_call_id": "c1", "content": ""}]},
            "messages",
            "must name an earlier tool call",
        ),
        (
            {"model": MODEL, "messages": [{"role": "assistant", "tool_calls": [{"id": "c1"}]}]},
            "messages",
            "an id and a function each",
        ),
        (ASKING | {"stream": True}, "stream", "does not stream"),
        (ASKING | {"n": 2}, "n", "one choice"),
        (ASKING | {"max_tokens": 0}, "max_tokens", "positive integer"),
        (ASKING | {"response_format": {"type": "xml"}}, "response_format", "Unknown 'response_format'"),
        (ASKING | {"tool_choice": "auto"}, "tool_choice", "only allowed when 'tools'"),
        (ASKING | {"tools": [{"type": "function"}]}, "tools", "function.name' is missing"),
        (ASKING | {"tools": TOOLS, "tool_choice": "always"}, "tool_choice", "Unknown 'tool_choice'"),
        (
            ASKING | {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "sun"}}},
            "tool_choice",
            "names no function",
        ),
    ],
)
def test_bad_requests_are_refused_with_openais_error_object(
    body: Json | bytes, param: str | None, words: str
) -> None:
    status, answer = with_http(lambda session: post(session, body))

    assert status == 400
    assert answer["error"].keys() == {"message", "type", "param", "code"}
    assert (answer["error"]["type"], answer["error"]["param"]) == ("invalid_request_error", param)
    assert words in answer["error"]["message"]


def test_a_search_is_answered_with_a_call() -> None:
    reply = with_client(
        lambda client: client.chat.completions.create(model=MODEL, messages=QUESTION, tools=TOOLS)
    )
    choice = reply.choices[0]
    call = choice.message.tool_calls[0]

    assert choice.finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Oslo"})


def test_calls_are_withheld_where_none_may_be_made() -> None:
    reply = with_client(
        lambda client: client.chat.completions.create(
            model=MODEL, messages=QUESTION, tools=TOOLS, tool_choice="none"
        )
    )

    assert reply.choices[0].message.tool_calls is None
    assert reply.choices[0].message.content


def test_a_call_is_always_made_where_one_must_be() -> None:
    async def ask(client: AsyncOpenAI) -> list[Any]:
        questions: list[Any] = [
            [{"role": "user", "content": f"The weather of the city Oslo, {n}"}] for n in range(20)
        ]
        replies = [
            await client.chat.completions.create(
                model=MODEL, messages=messages, extra_body={"tools": TOOLS}, tool_choice="required"
            )
            for messages in questions
        ]
        return [reply.choices[0].message.tool_calls for reply in replies]

    calls = with_client(ask, faults=TeacherFaults(rate_limited=0, server_error=0, dropped=0, thought_only=1))

    assert all(calls)


def test_the_named_function_is_called_where_one_is_named() -> None:
    sun = json.loads(json.dumps(WEATHER).replace("weather", "sunrise"))
    choice = {"type": "function", "function": {"name": "sunrise"}}
    body = {"model": MODEL, "messages": QUESTION, "tools": [WEATHER, sun, FINISH], "tool_choice": choice}

    _, reply = with_http(lambda session: post(session, body))

    calls = reply["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["sunrise"]


@pytest.mark.parametrize("setting", ["max_tokens", "max_completion_tokens"])
def test_a_tiny_limit_cuts_the_reply(setting: str) -> None:
    status, reply = with_http(lambda session: post(session, ASKING | {setting: 3}))

    assert status == 200
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["choices"][0]["message"]["content"] == "This is a st"


def test_the_same_request_gets_the_same_reply_bytes() -> None:
    async def ask_twice(session: aiohttp.ClientSession) -> list[Any]:
        body = ASKING | {"messages": QUESTION, "tools": TOOLS}
        return [await post(session, body), await post(session, body)]

    first, second = with_http(ask_twice, faults=TeacherFaults(rate_limited=0, server_error=0, dropped=0))

    assert first == second


def test_another_seed_may_get_another_reply() -> None:
    document = {
        "tool_name": "T",
        "api_name": "A",
        "api_description": "Returns the weather.",
        "parameters": [],
    }
    user = prompts.load("instruct/single_tool").render(
        n=3,
        n_specific=3,
        n_complex=0,
        documents=[json.dumps(document)],
        examples=[],
        min_words=20,
        language="",
    )
    messages = [
        {"role": "system", "content": prompts.load("instruct/system").render()},
        {"role": "user", "content": user},
    ]

    async def ask(session: aiohttp.ClientSession) -> set[str]:
        bodies = [{"model": MODEL, "messages": messages, "seed": seed} for seed in (1, 2)]
        return {(await post(session, body))[1]["choices"][0]["message"]["content"] for body in bodies}

    assert len(with_http(ask)) == 2


def test_statistics_count_requests_and_can_be_reset() -> None:
    async def ask(session: aiohttp.ClientSession) -> tuple[Any, Any]:
        await post(session, ASKING)
        await post(session, ASKING)
        await post(session, ASKING | {"messages": QUESTION, "tools": TOOLS})
        await post(session, ASKING | {"n": 2})
        before = await stats(session)
        async with session.post("/stats/reset") as response:
            return before, await response.json()

    before, after = with_http(ask)
    assert before.pop("tokens_in") > before.pop("tokens_out") > 0
    assert before == {
        "requests": 4,
        "distinct": 3,
        "repeated": 1,
        "by_stage": {"search": 1, "unknown": 2},
        "faults": {"refused": 1},
    }
    assert after == {
        "requests": 0,
        "distinct": 0,
        "repeated": 0,
        "by_stage": {},
        "tokens_in": 0,
        "tokens_out": 0,
        "faults": {},
    }


ONLY = {"rate_limited": 0.0, "server_error": 0.0, "dropped": 0.0}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limited", openai.RateLimitError),
        ("server_error", openai.InternalServerError),
        ("dropped", openai.APIConnectionError),
    ],
)
def test_endpoint_faults_look_like_the_real_ones(fault: str, error: type[Exception]) -> None:
    faults = TeacherFaults(**(ONLY | {fault: 1.0}))  # type: ignore[arg-type]

    with pytest.raises(error):
        with_client(lambda client: client.chat.completions.create(model=MODEL, messages=HELLO), faults=faults)


def test_a_rate_limit_says_when_to_come_back() -> None:
    async def ask(session: aiohttp.ClientSession) -> str:
        async with session.post("/v1/chat/completions", json=ASKING) as response:
            return response.headers["Retry-After"]

    assert with_http(ask, faults=TeacherFaults(**(ONLY | {"rate_limited": 1.0}))) == "0.05"  # type: ignore[arg-type]


def test_endpoint_faults_always_yield_by_the_third_try() -> None:
    async def tries_until_answered(session: aiohttp.ClientSession, content: str) -> int:
        for number in range(1, 10):
            try:
                status, _ = await post(session, ASKING | {"messages": [{"role": "user", "content": content}]})
            except aiohttp.ClientConnectionError:
                continue
            if status == 200:
                return number
        return 10

    async def ask(session: aiohttp.ClientSession) -> set[int]:
        return {await tries_until_answered(session, str(number)) for number in range(60)}

    assert with_http(ask, faults=TeacherFaults(rate_limited=0.3, server_error=0.3, dropped=0.3)) == {1, 2, 3}


def test_endpoint_faults_are_counted() -> None:
    async def ask(session: aiohttp.ClientSession) -> Any:
        await post(session, ASKING)
        return (await stats(session))["faults"]

    assert with_http(ask, faults=TeacherFaults(**(ONLY | {"server_error": 1.0}))) == {"server_error": 1}  # type: ignore[arg-type]


def test_no_faults_means_all_rates_are_zero() -> None:
    none = TeacherFaults.none()

    assert {name for name, value in vars(none).items() if value} == {"retry_after_s"}
