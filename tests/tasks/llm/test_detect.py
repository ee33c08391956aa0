from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from lesser_endpoints import CALL, PlainModel, endpoint_that
from llm_server import OK, Answer, ModelServer, completion, fails, sends, waits

from tasks.errors import EndpointDown, UsageError
from tasks.llm.detect import MAX_AGE, KnownEndpoints, detect_capabilities
from tasks.llm.endpoint import Endpoint
from tasks.llm.params import Capabilities, LlmParams


def tried(answer: Answer, **params: Any) -> tuple[Capabilities, list[dict[str, Any]]]:
    """What was found, and the requests that showed it."""
    with ModelServer(otherwise=answer) as server:
        return found_at(server, **params), server.requests


def found_at(server: ModelServer, **params: Any) -> Capabilities:
    settings = LlmParams(base_url=server.url, **{"model": "m", "outage_s": 0.2, **params})

    async def run() -> Capabilities:
        async with Endpoint(settings, first_pause_s=0.01) as endpoint:
            return await detect_capabilities(PlainModel(endpoint), settings)

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
        (endpoint_that(refuses=("system",)), {"system": False}),
        (endpoint_that(refuses=("results",)), {"results": False, "tools": False}),
        (endpoint_that(refuses=("free_order",)), {"free_order": False}),
        (endpoint_that(refuses=("integer_enums",)), {"integer_enums": False}),
        (endpoint_that(refuses=("long_names",)), {"long_names": False}),
        (
            endpoint_that(refuses=("untyped_items", "free_order")),
            {"untyped_items": False, "free_order": False},
        ),
        (endpoint_that(refuses=("bounds",)), {"bounds": False}),
        (endpoint_that(refuses=("system", "seed")), {"system": False, "seed": False}),
        (endpoint_that(usage=None), {"usage": False}),
        (endpoint_that(usage={"prompt_tokens": 0, "completion_tokens": 0}), {"usage": False}),
    ],
)
def test_what_is_found(answer: Answer, lacking: dict[str, bool]) -> None:
    assert tried(answer)[0] == Capabilities(**lacking)


def test_it_takes_six_short_requests() -> None:
    _, requests = tried(endpoint_that(), max_tokens=200)
    assert len(requests) == 6
    assert {request["max_tokens"] for request in requests} == {200}


def test_functions_that_are_to_be_called_as_text_are_not_offered() -> None:
    capabilities, requests = tried(endpoint_that(), tools="text")
    assert capabilities == Capabilities(tools=False)
    assert [request for request in requests if "tools" in request] == []


@pytest.mark.parametrize("lacking", ["tools", "results", "tool_choice"])
def test_a_configuration_that_insists_on_native_calls_has_the_last_word(lacking: str) -> None:
    answer = endpoint_that(refuses=(lacking,)) if lacking == "results" else endpoint_that(ignores=(lacking,))
    capabilities, _ = tried(answer, tools="native")
    assert (capabilities.tools, capabilities.tool_choice) == (True, True)


def test_the_result_goes_back_with_the_call_as_it_was_made() -> None:
    _, requests = tried(endpoint_that())
    (conversation,) = (request for request in requests if len(request["messages"]) > 2)
    call, result = conversation["messages"][3:5]
    assert call["tool_calls"] == CALL["tool_calls"]
    assert result["tool_call_id"] == "1"


def test_what_an_endpoint_wants_back_goes_back() -> None:
    async def thinks(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        said = [message for message in body["messages"] if message["role"] == "assistant"]
        if any("reasoning_content" not in message for message in said):
            return await fails(400, "Missing `reasoning_content` field in the assistant message")(
                request, body
            )
        message = {**CALL, "reasoning_content": "Oslo, then."} if "tools" in body else {"content": "{}"}
        return await sends(completion(message))(request, body)

    capabilities, requests = tried(thinks, tools="native")
    assert (capabilities, len(requests)) == (Capabilities(), 5)


def cut_off(message: dict[str, Any], at: int) -> Answer:
    """Cuts its replies off at so many tokens, before anything but thoughts is written."""

    async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if body["max_tokens"] > at:
            return await sends(completion(message))(request, body)
        thinking = {"role": "assistant", "content": "Let me see"}
        choice = {"index": 0, "finish_reason": "length", "message": thinking}
        return await sends(completion() | {"choices": [choice]})(request, body)

    return answer


THINKS_LONG = ("json_object", "json_schema", "tool_choice", "tools")


def test_a_reply_that_was_cut_off_is_asked_for_with_more_room() -> None:
    capabilities, requests = tried(cut_off({"role": "assistant", "content": '{"city": "Oslo"}'}, at=1024))
    assert capabilities == Capabilities(tools=False)
    assert {request["max_tokens"] for request in requests} == {1024, 4096}


@pytest.mark.parametrize(
    ("params", "rooms"),
    [({}, {1024, 4096}), ({"max_tokens": 2000}, {1024, 2000}), ({"max_tokens": 300}, {300})],
)
def test_what_was_cut_off_all_the_same_is_unclear_and_asked_again_with_other_room(
    params: dict[str, int], rooms: set[int], tmp_path: Path
) -> None:
    capabilities, requests = tried(cut_off(CALL, at=9999), **params)
    assert capabilities == Capabilities(cut_off=THINKS_LONG)
    assert {request["max_tokens"] for request in requests} == rooms
    known, settings = KnownEndpoints(tmp_path), LlmParams(base_url="http://host/v1", model="m", **params)
    known.keep(settings, capabilities)
    more = settings.model_copy(update={"max_tokens": 5000})
    assert (known.find(settings), known.find(more)) == (capabilities, None)


def test_a_call_that_was_cut_off_is_a_call() -> None:
    cut = sends(completion() | {"choices": [{"index": 0, "finish_reason": "length", "message": CALL}]})
    capabilities, _ = tried(cut)
    assert (capabilities.tools, capabilities.tool_choice) == (True, False)
    assert capabilities.cut_off == ("json_object", "json_schema")


def test_what_took_too_long_is_unclear_and_not_kept(tmp_path: Path) -> None:
    async def slow_at_functions(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return await (waits(0.5, OK) if "tools" in body else endpoint_that())(request, body)

    capabilities, _ = tried(slow_at_functions, timeout_s=0.2, outage_s=5)
    assert (capabilities.tools, capabilities.unsure) == (False, ("tools",))
    KnownEndpoints(tmp_path).keep(PARAMS, capabilities)
    assert KnownEndpoints(tmp_path).find(PARAMS) is None


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (fails(404, "The model `m` does not exist.", "model_not_found"), "does not offer the model 'm'"),
        (fails(401), "wants a key (HTTP 401)"),
        (fails(403), "wants a key (HTTP 403: "),
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
    ("capabilities", "line"),
    [
        (Capabilities(), "function calling, json_schema, JSON mode, seed, token counts"),
        (
            Capabilities(context=8192, cut_off=("tools",), unsure=("tool_choice",), free_order=False),
            "function calling, json_schema, JSON mode, seed, token counts, a context of 8,192 tokens; roles "
            "must alternate: what would follow another is joined to it; unclear, as replies were cut off, "
            "and asked again when max_tokens is changed: function calling; unclear, as replies came "
            "too late, and asked again by the next run: tool_choice",
        ),
        (
            Capabilities(tools=False, json_schema=False),
            "JSON mode, seed, token counts; no function calling: calls are written as text; no json_schema: "
            "schemas are told in words",
        ),
        (
            Capabilities(tools=False, json_schema=False, json_object=False, seed=False, usage=False),
            "plain chat only; no function calling: calls are written as text; no json_schema: schemas are "
            "told in words; no JSON mode: JSON is asked for in words, and mended; no seed; no token counts: "
            "budgets go by estimates, costs are unknown",
        ),
    ],
)
def test_what_is_found_in_a_line(capabilities: Capabilities, line: str) -> None:
    assert capabilities.describe() == line


PARAMS = LlmParams(base_url="http://127.0.0.1:8000/v1", model="m")
FOUND = Capabilities(tools=False, seed=False)


def test_what_was_found_is_found_again(tmp_path: Path) -> None:
    KnownEndpoints(tmp_path).keep(PARAMS, Capabilities())
    KnownEndpoints(tmp_path).keep(PARAMS, FOUND)
    assert KnownEndpoints(tmp_path).find(PARAMS) == FOUND


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"base_url": "http://127.0.0.1:8001/v1"},
        {"tools": "text"},
        {"endpoint_id": "x"},
        {"body": {"reasoning_effort": "low"}},
    ],
)
def test_another_endpoint_model_or_question_is_unknown(tmp_path: Path, change: dict[str, object]) -> None:
    known = KnownEndpoints(tmp_path)
    known.keep(PARAMS, FOUND)
    other = PARAMS.model_copy(update=change)
    assert known.find(other) is None
    known.keep(other, Capabilities())
    assert (known.find(PARAMS), known.find(other)) == (FOUND, Capabilities())


def test_an_address_that_changes_is_known_by_its_name(tmp_path: Path) -> None:
    known = KnownEndpoints(tmp_path)
    known.keep(PARAMS.model_copy(update={"endpoint_id": "cluster"}), FOUND)
    moved = PARAMS.model_copy(update={"base_url": "http://node7:9999/v1", "endpoint_id": "cluster"})
    assert known.find(moved) == FOUND


@pytest.mark.parametrize(("age", "found"), [(MAX_AGE - timedelta(hours=1), FOUND), (MAX_AGE * 2, None)])
def test_what_was_found_long_ago_is_asked_again(
    tmp_path: Path, age: timedelta, found: Capabilities | None
) -> None:
    known = KnownEndpoints(tmp_path)
    known.keep(PARAMS, FOUND)
    path = tmp_path / "store" / "endpoints.json"
    (entry,) = orjson.loads(path.read_bytes())["endpoints"]
    assert entry["abilities"]["tools"] is False, "as earlier versions wrote it, and will read it"
    entry["found_at"] = (datetime.now(UTC) - age).isoformat()
    path.write_bytes(orjson.dumps({"endpoints": [entry]}))
    assert known.find(PARAMS) == found


def test_what_a_trial_with_fewer_questions_found_is_asked_again(tmp_path: Path) -> None:
    known = KnownEndpoints(tmp_path)
    known.keep(PARAMS, FOUND)
    path = tmp_path / "store" / "endpoints.json"
    path.write_text(path.read_text().replace('"trial":2', '"trial":1').replace('"trial": 2', '"trial": 1'))
    assert known.find(PARAMS) is None


@pytest.mark.parametrize("text", ["", "{", '{"endpoints": [{"base_url": 1}]}', '{"format": "of the future"}'])
def test_a_file_that_cannot_be_read_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "store" / "endpoints.json"
    path.parent.mkdir()
    path.write_text(text)
    assert KnownEndpoints(tmp_path).find(PARAMS) is None
