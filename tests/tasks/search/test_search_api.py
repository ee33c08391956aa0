"""The search as plain code, against real servers; the page that shows it is run."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from llm_server import OK, ModelServer, completion, drops, fails, sends

from tasks.errors import BrokenContract, ConnectionFailed, RequestRefused, UsageError
from tasks.search.api import Found, ModelEndpoint, Observation, search

PAGE = Path(__file__).parents[3] / "docs" / "search.md"
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]


def calling(name: str, arguments: str) -> Any:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return sends(completion({"role": "assistant", "content": None, "tool_calls": [call]}))


WEATHER = calling("get_weather", '{"city": "Oslo"}')
ANSWER = calling("Finish", '{"return_type": "give_answer", "final_answer": "Yes, it rains."}')


async def weather(name: str, arguments: dict[str, Any]) -> Any:
    return {"function": name, **arguments}


def found_at(server: ModelServer, **settings: Any) -> Found:
    async def run() -> Found:
        async with ModelEndpoint(server.url, "m", first_pause_s=0.001) as model:
            given: dict[str, Any] = {"functions": TOOLS, "execute": weather, "model": model, **settings}
            return await search("Will it rain?", **given)

    return asyncio.run(run())


def test_the_page_runs_and_prints_what_it_shows() -> None:
    blocks = re.compile(r"^```(?:python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
    code, shown = blocks.findall(PAGE.read_text())[:2]
    with ModelServer(WEATHER, ANSWER) as server:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code.replace("http://127.0.0.1:8931/v1", server.url), {})  # noqa: S102 - the page's own lines

    assert printed.getvalue() == shown
    assert server.n_listings == 0


def test_functions_go_out_as_they_were_given_finish_last() -> None:
    with ModelServer(ANSWER) as server:
        found_at(server)

    (request,) = server.requests
    assert [tool["function"]["name"] for tool in request["tools"]] == ["get_weather", "Finish"]
    assert request["tools"][0]["function"]["parameters"] == {"type": "object"}


def test_a_failing_request_is_a_failed_child_and_nothing_else_is_sent() -> None:
    failing = [fails(500)] * 4
    with ModelServer(*failing, ANSWER) as server:
        found = found_at(server, rules="toolbench")

    assert [(node.query_no, node.outcome) for node in found.nodes if node.outcome] == [
        (0, "refused"),
        (1, "answered"),
    ]
    assert (found.win, found.n_queries, found.total_tokens) == (True, 2, 9)
    assert len(server.requests) == 5
    assert all("tools" in request for request in server.requests)


def test_what_passes_is_tried_again() -> None:
    with ModelServer(drops(), fails(429, retry_after="0"), fails(503), ANSWER) as server:
        found = found_at(server)

    assert (found.win, found.n_queries) == (True, 1)


def test_an_endpoint_without_its_model_stops_the_search() -> None:
    refusal = fails(404, "no such model", code="model_not_found")
    with ModelServer(refusal) as server, pytest.raises(BrokenContract):
        found_at(server)


def test_nobody_there_is_raised_under_our_rules_and_a_failed_child_as_published() -> None:
    with ModelServer() as server:
        pass

    with pytest.raises(ConnectionFailed):
        found_at(server)
    assert {node.outcome for node in found_at(server, rules="toolbench").nodes[1:]} == {"refused"}


def test_the_length_field_follows_the_endpoint() -> None:
    refusal = fails(400, "use max_completion_tokens instead")

    async def run(url: str) -> Found:
        async with ModelEndpoint(url, "m", max_tokens=50, temperature=0) as model:
            return await search("?", functions=TOOLS, execute=weather, model=model)

    with ModelServer(refusal, ANSWER) as server:
        assert asyncio.run(run(server.url)).win
    assert [request.get("max_completion_tokens") for request in server.requests] == [None, 50]
    assert {request["temperature"] for request in server.requests} == {0}


Client = Callable[[str], Any]


def of_openai(url: str) -> Any:
    async def model(**request: Any) -> Any:
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            return await client.chat.completions.create(model="m", **request)

    return model


def of_aiohttp(url: str) -> Any:
    async def model(**request: Any) -> Any:
        async with aiohttp.ClientSession(raise_for_status=True) as http:
            body = {"model": "m", **request}
            async with http.post(f"{url}/chat/completions", json=body) as response:
                return await response.json()

    return model


@pytest.mark.parametrize("client", [of_openai, of_aiohttp])
def test_any_client_will_do(client: Client) -> None:
    with ModelServer(WEATHER, fails(500), fails(400), sends({"no": "completion"}), ANSWER) as server:
        found = found_at(server, model=client(server.url), width=5)

    assert [(node.outcome, node.query_no) for node in found.nodes if node.outcome] == [
        ("ok", 0),
        ("refused", 1),
        ("refused", 2),
        ("refused", 3),
        ("answered", 4),
    ]


@pytest.mark.parametrize(
    ("says", "outcome", "text"),
    [
        ("rain, {broken", "ok", "rain, {broken"),
        ([{"rain": True}], "ok", '[{"rain":true}]'),
        (Observation("no such city", "not_found", 6), "not_found", "no such city"),
        (TimeoutError(), "timeout", '{"error":"timeout"}'),
        (aiohttp.ClientError("gone"), "connection_error", '{"error":"connection_error"}'),
    ],
)
def test_what_an_executor_says_is_observed(says: Any, outcome: str, text: str) -> None:
    async def execute(_name: str, _arguments: Any) -> Any:
        if isinstance(says, Exception):
            raise says
        return says

    with ModelServer(WEATHER, ANSWER) as server:
        found = found_at(server, execute=execute)

    (seen,) = (node for node in found.nodes if node.query_no == 0 and node.kind == "action_input")
    assert (seen.outcome, seen.observation) == (outcome, text)


def test_a_bug_in_an_executor_goes_through() -> None:
    async def execute(_name: str, arguments: dict[str, Any]) -> Any:
        return arguments["town"]

    with ModelServer(WEATHER) as server, pytest.raises(KeyError):
        found_at(server, execute=execute)


def test_chains_go_on_until_the_cost_is_reached() -> None:
    with ModelServer(otherwise=WEATHER) as server:
        found = found_at(server, method="react@budget", max_tokens=100, max_depth=3)

    assert (found.stopped_by, found.n_queries, found.total_tokens) == ("max_tokens", 12, 108)
    assert len(found.tree.root.children) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "bfs"}, "method = 'bfs' is unknown"),
        ({"rules": "mine"}, "rules = 'mine' are unknown"),
        ({"width": 0}, "width = 0"),
        ({"max_queries": 0}, "max_queries = 0"),
        ({"functions": [{"type": "function"}]}, r"functions\[0\] has no name"),
        ({"functions": [*TOOLS, *TOOLS]}, "two functions are called 'get_weather'"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_asked(settings: dict[str, Any], message: str) -> None:
    with ModelServer() as server, pytest.raises(UsageError, match=message):
        found_at(server, **settings)
    assert server.requests == []


def test_an_error_wrapped_in_a_success_is_a_failed_child() -> None:
    async def model(**_: Any) -> Any:
        return {"error": {"message": "overheated", "code": 500}}

    found = asyncio.run(search("?", functions=TOOLS, execute=weather, model=model))

    assert [(node.outcome, node.observation) for node in found.nodes[1:]] == [
        ("refused", "HTTP 500: overheated")
    ] * 2


def test_a_client_may_refuse_by_itself() -> None:
    async def model(**_: Any) -> Any:
        raise RequestRefused("mine", "not this one")

    with ModelServer(OK) as server:
        found = found_at(server, model=model, width=1)

    assert [node.observation for node in found.nodes[1:]] == ["not this one"]


def thinking_aloud(name: str, arguments: str, thought: str) -> Any:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
        "extra_content": {"signature": thought},
    }
    message = {"role": "assistant", "content": None, "reasoning_content": thought, "tool_calls": [call]}
    return sends(completion(message))


GIVE_UP = '{"return_type": "give_up_and_restart"}'


def test_state_stays_with_its_branch_when_the_search_goes_back() -> None:
    replies = [
        thinking_aloud("get_weather", '{"city": "Oslo"}', "one"),
        thinking_aloud("Finish", GIVE_UP, "two"),
        thinking_aloud("get_weather", '{"city": "Bergen"}', "three"),
        ANSWER,
    ]
    with ModelServer(*replies) as server:
        found = found_at(server, width=2)

    shown = [
        [
            (message["reasoning_content"], message["tool_calls"][0]["extra_content"]["signature"])
            for message in request["messages"]
            if message["role"] == "assistant"
        ]
        for request in server.requests
    ]
    assert shown == [[], [("one", "one")], [], [("three", "three")]]
    assert [node.thinking for node in found.nodes if node.thinking] == ["one", "two", "three"]


def test_thinking_in_the_text_is_kept_apart_and_never_said_again() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    message = {"role": "assistant", "content": "<think>Hm.</think>\nI look.", "tool_calls": [call]}
    with ModelServer(sends(completion(message)), ANSWER) as server:
        found = found_at(server)

    assert [(node.thinking, node.thought) for node in found.nodes if node.kind == "thought"] == [
        ("Hm.", "I look.")
    ]
    assert server.requests[1]["messages"][2]["content"] == "I look."
    assert "reasoning_content" not in server.requests[1]["messages"][2]


def test_a_call_that_the_server_left_in_the_text_is_made() -> None:
    text = 'I look.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
    with ModelServer(sends(completion({"role": "assistant", "content": text})), ANSWER) as server:
        found = found_at(server)

    assert [message["content"] for message in found.messages if message["role"] == "assistant"] == [
        "I look.",
        None,
    ]
    assert server.requests[1]["messages"][2]["tool_calls"][0]["id"] == "c00000000"


def test_calls_run_together_are_both_made() -> None:
    with ModelServer(calling("get_weather", '{"city": "Oslo"}{"city": "Bergen"}'), ANSWER) as server:
        found = found_at(server)

    assert [call["function"]["arguments"] for call in found.messages[2]["tool_calls"]] == [
        '{"city": "Oslo"}',
        '{"city": "Bergen"}',
    ]
    assert [call["id"] for call in found.messages[2]["tool_calls"]] == ["c1", "c00000001"]
