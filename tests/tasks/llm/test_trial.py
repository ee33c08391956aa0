from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lesser_endpoints import PlainModel, endpoint_that
from llm_server import Answer, ModelServer, fails, sends, waits

from tasks.errors import EndpointDown, UsageError
from tasks.llm.abilities import Abilities
from tasks.llm.endpoint import Endpoint
from tasks.llm.params import LlmParams
from tasks.llm.trial import find_abilities


def tried(answer: Answer, **params: Any) -> tuple[Abilities, list[dict[str, Any]]]:
    """What was found, and the requests that showed it."""
    with ModelServer(otherwise=answer) as server:
        return found_at(server, **params), server.requests


def found_at(server: ModelServer, **params: Any) -> Abilities:
    settings = LlmParams(base_url=server.url, **{"model": "m", "outage_s": 0.2, **params})

    async def run() -> Abilities:
        async with Endpoint(settings, first_pause_s=0.01) as endpoint:
            return await find_abilities(PlainModel(endpoint), settings)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "lacking"),
    [
        (endpoint_that(), {}),
        (endpoint_that(refuses=("tools",)), {"tools": False}),
        (endpoint_that(refuses=("tools",), status=500), {"tools": False}),
        (endpoint_that(refuses=("tools",), status=404), {"tools": False}),
        (endpoint_that(refuses=("tools",), status=501), {"tools": False}),
        (endpoint_that(ignores=("tools",)), {"tools": False}),
        (endpoint_that(ignores=("tool_choice",)), {"tool_choice": False}),
        (endpoint_that(refuses=("tool_choice",)), {"tool_choice": False}),
        (endpoint_that(refuses=("json_object",)), {"json_object": False}),
        (endpoint_that(refuses=("json_schema",)), {"json_schema": False}),
        (endpoint_that(ignores=("json_schema", "json_object")), {"json_schema": False, "json_object": False}),
        (endpoint_that(refuses=("seed",)), {"seed": False}),
        (endpoint_that(usage=None), {"usage": False}),
        (endpoint_that(usage={"prompt_tokens": 0, "completion_tokens": 0}), {"usage": False}),
    ],
)
def test_what_is_found(answer: Answer, lacking: dict[str, bool]) -> None:
    assert tried(answer)[0] == Abilities(**lacking)


def test_it_takes_five_short_requests() -> None:
    _, requests = tried(endpoint_that(), max_tokens=200)
    assert len(requests) == 5
    assert {request["max_tokens"] for request in requests} == {200}


@pytest.mark.parametrize(("tools", "found"), [("native", True), ("text", False)])
def test_what_the_configuration_says_is_not_asked(tools: str, found: bool) -> None:
    abilities, requests = tried(endpoint_that(), tools=tools)
    assert abilities.tools is found
    assert [request for request in requests if "tools" in request] == []


def test_a_reply_that_was_cut_off_shows_nothing() -> None:
    cut = sends(
        {"choices": [{"finish_reason": "length", "message": {"content": "<think>Let me see"}}], "usage": {}}
    )
    abilities, _ = tried(cut)
    assert (abilities.tools, abilities.json_object) == (True, True)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (fails(404, "The model `m` does not exist.", "model_not_found"), "does not offer the model 'm'"),
        (fails(401), "wants a key (HTTP 401)"),
        (fails(403), "wants a key (HTTP 403)"),
        (fails(400, "this account is not verified"), "HTTP 400: this account is not verified"),
        (sends("<html>hello</html>"), "does not speak the chat protocol"),
    ],
)
def test_an_endpoint_that_takes_no_request_is_wrong_usage(answer: Answer, told: str) -> None:
    with (
        ModelServer(otherwise=answer, models=["a", "n"]) as server,
        pytest.raises(UsageError) as caught,
    ):
        found_at(server)
    assert told in caught.value.message
    assert caught.value.fix


def test_an_unknown_model_names_those_offered() -> None:
    unknown = fails(404, "The model `m` does not exist.", "model_not_found")
    with (
        ModelServer(otherwise=unknown, models=["gpt", "mini", "m2"]) as server,
        pytest.raises(UsageError) as caught,
    ):
        found_at(server)
    assert caught.value.fix == "set [llm] model to one that it offers: m2, mini, gpt"


def test_an_endpoint_that_does_not_answer_is_down() -> None:
    with ModelServer(otherwise=waits(5, sends({}))) as server, pytest.raises(EndpointDown):
        found_at(server, timeout_s=0.1)


@pytest.mark.parametrize(
    ("abilities", "line"),
    [
        (Abilities(), "function calling, json_schema, JSON mode, seed, token counts"),
        (
            Abilities(tools=False, json_schema=False),
            "JSON mode, seed, token counts; no function calling: calls are written as text; no json_schema: "
            "schemas are told in words",
        ),
        (
            Abilities(tools=False, json_schema=False, json_object=False, seed=False, usage=False),
            "plain chat only; no function calling: calls are written as text; no json_schema: schemas are "
            "told in words; no JSON mode: JSON is asked for in words, and mended; no seed; no token counts: "
            "budgets go by estimates, costs are unknown",
        ),
    ],
)
def test_what_is_found_in_a_line(abilities: Abilities, line: str) -> None:
    assert abilities.in_a_line() == line
