"""An instruction's search against a real HTTP API, with a scripted model."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tasks.calling.call import DirectCaller
from tasks.calling.outcome import Caller, CallResult, Outcome
from tasks.calling.params import CallingParams
from tasks.calling.recording import RecordingCaller
from tasks.errors import OverBudget
from tasks.llm.chat import ChatRequest, Reply
from tasks.search.annotate import (
    AnnotationRows,
    annotate_instruction,
    annotation_id_of,
    choose_instructions,
)
from tasks.search.observing import observe, promised_keys, response_shape
from tasks.search.params import AnnotateParams
from tasks.search.rules import TOOLLOOM
from tasks.text_budget.tokens import CL100K, O200K, tokenizer_of
from tasks.transport.client import HttpClient
from tasks.transport.kvstore import DurableMap
from warehouse.tables.catalogue import Api
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction, RelevantApi

RAIN = Instruction(
    instruction_id="i",
    sample_id="s",
    scenario="G1",
    split="train",
    query="Will it rain in Oslo?",
    relevant_apis=(),
    api_ids=("Weather/sky/forecast", "Weather/sky/alerts"),
    api_fingerprints=("", ""),
    n_words=5,
    model="m",
    prompt_digest="",
    seed_ids=(),
)


class ScriptedModel:
    """A model that says what it is told to, in order, and fails when there is nothing left."""

    def __init__(self, script: Sequence[Reply], name: str = "scripted") -> None:
        self.script = script
        self.name = name
        self.asked: list[tuple[str, int]] = []

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        assert request.tools is not None
        self.asked.append((row_id, ordinal))
        if ordinal == len(self.script):
            raise OverBudget("[budget] max_requests is reached")
        return self.script[ordinal]


async def weather(request: web.BaseRequest) -> web.Response:
    if request.path.endswith("alerts"):
        return web.json_response({"error": "no alerts here"}, status=404)
    return web.json_response({"city": request.query["city"], "rain_mm": 3, "source": "met"})


@pytest.fixture
def offered(make_api: Callable[..., Api]) -> list[Api]:
    alerts = {
        "api_id": "Weather/sky/alerts",
        "function_name": "alerts_for_sky",
        "url": "http://sky.test/v1/alerts",
    }
    return [make_api({"name": "city", "required": True}), make_api(**alerts)]


DOCUMENTS = {
    "Weather/sky/forecast": Document(
        api_id="Weather/sky/forecast",
        document='{"tool_name": "Sky", "api_description": "Rain to come."}',
        response_schema='{"city": "string", "rain_mm": "integer"}',
        tokens_before=1,
        tokens_after=1,
        method="as-is",
    )
}


@pytest.fixture
def script(scripted: Any) -> list[Reply]:
    return [
        scripted.reply("Look.", scripted.call("forecast_for_sky", city="Oslo")),
        scripted.reply(scripted.call("alerts_for_sky"), scripted.call("forecast_for_sky", city="Bergen")),
        scripted.reply(scripted.answer("3 mm.")),
    ]


@pytest.fixture
def annotated(tmp_path: Path, serve: Callable[..., str], offered: list[Api]) -> Callable[..., AnnotationRows]:
    """Annotates once more over the same call store; live: whether APIs may be called."""
    base = serve(weather)

    def annotate(
        script: Sequence[Reply], *, live: bool = True, model: str = "scripted", **params: Any
    ) -> AnnotationRows:
        async def run() -> AnnotationRows:
            calling = CallingParams(resolve={"sky.test": base})
            client = HttpClient(
                timeout_s=5,
                max_bytes=10_000,
                concurrency=4,
                per_host_rps=1000,
                resolve=calling.resolve,
                allow_hosts=(),
            )
            caller: Caller | None = DirectCaller(client, calling) if live else None
            with DurableMap(tmp_path / "calls.sqlite") as store:
                try:
                    return await annotate_instruction(
                        RAIN,
                        offered,
                        DOCUMENTS,
                        model=ScriptedModel(script, model),
                        caller=RecordingCaller(caller, store),
                        params=AnnotateParams(**params),
                        cost_usd=lambda tokens_in, tokens_out: tokens_in * 0.5 + tokens_out,
                    )
                finally:
                    await client.close()

        return asyncio.run(run())

    return annotate


def test_a_search_becomes_rows(annotated: Callable[..., AnnotationRows], script: list[Reply]) -> None:
    rows = annotated(script)

    annotation = rows.annotation
    told = ("win", "finish_type", "final_answer", "n_queries", "n_calls", "n_nodes", "depth", "stopped_by")
    assert {name: getattr(annotation, name) for name in told} == {
        "win": True,
        "finish_type": "give_answer",
        "final_answer": "3 mm.",
        "n_queries": 3,
        "n_calls": 3,
        "n_nodes": 10,
        "depth": 9,
        "stopped_by": "answered",
    }
    assert annotation.annotation_id == annotation_id_of(
        "i", method="dfsdt", rules="toolloom", model="scripted", offer="sampled"
    )
    assert annotation.offered_api_ids == RAIN.api_ids
    assert (annotation.tokens_in, annotation.tokens_out, annotation.cost_usd) == (30, 3, 18.0)
    assert [tool["function"]["name"] for tool in json.loads(annotation.functions)] == [
        "forecast_for_sky",
        "alerts_for_sky",
        "Finish",
    ]
    assert [message.role for message in annotation.messages] == [
        *("system", "user", "assistant", "tool", "assistant", "tool", "tool", "assistant", "tool")
    ]
    assert annotation.wall_s > 0


def test_observations_are_compressed_and_calls_are_kept_whole(
    annotated: Callable[..., AnnotationRows], script: list[Reply]
) -> None:
    rows = annotated(script)

    seen = {node.node_id: (node.function, node.outcome, node.code, node.observation) for node in rows.nodes}
    assert [seen[call.node_id] for call in rows.calls] == [
        ("forecast_for_sky", "ok", 0, '{"city":"Oslo","rain_mm":3}'),
        (
            "alerts_for_sky",
            "not_found",
            6,
            '{"error":"not_found","status":404,"response":{"error":"no alerts here"}}',
        ),
        ("forecast_for_sky", "ok", 0, '{"city":"Bergen","rain_mm":3}'),
    ]
    assert [(call.api_id, call.arguments, call.http_status, call.origin) for call in rows.calls] == [
        ("Weather/sky/forecast", '{"city": "Oslo"}', 200, "real"),
        ("Weather/sky/alerts", "{}", 404, "real"),
        ("Weather/sky/forecast", '{"city": "Bergen"}', 200, "real"),
    ]
    assert rows.calls[0].body == '{"city": "Oslo", "rain_mm": 3, "source": "met"}'


@pytest.mark.parametrize("model", ["gpt-4o-mini", "Qwen/Qwen3-8B"])
def test_observations_are_cut_in_the_tokens_of_the_models_family(
    annotated: Callable[..., AnnotationRows], scripted: Any, model: str
) -> None:
    named = scripted.reply(scripted.call("forecast_for_sky", city="Größenordnungen " * 100))
    script = [named, scripted.reply(scripted.answer("3 mm."))]

    (call,) = (rows := annotated(script, model=model, observation_tokens=200)).calls

    seen = rows.nodes[call.node_id].observation or ""
    assert 180 < tokenizer_of(model).count(seen) <= 200
    other = {"gpt-4o-mini": CL100K, "Qwen/Qwen3-8B": O200K}[model]
    assert not 180 < other.count(seen) <= 200


def test_a_search_done_again_replays_its_calls_and_says_the_same(
    annotated: Callable[..., AnnotationRows], script: list[Reply]
) -> None:
    first, again = annotated(script), annotated(script, live=False)

    assert again.nodes == first.nodes
    assert dataclasses.replace(again.annotation, wall_s=0) == dataclasses.replace(first.annotation, wall_s=0)
    assert [call.origin for call in again.calls] == ["replayed"] * 3
    assert [dataclasses.replace(call, origin="real") for call in again.calls] == list(first.calls)


def test_a_search_that_was_stopped_makes_no_call_twice(
    annotated: Callable[..., AnnotationRows], script: list[Reply], scripted: Any
) -> None:
    with pytest.raises(OverBudget, match="max_requests"):
        annotated(script[:2])

    rows = annotated([*script[:2], scripted.reply(scripted.answer("Yes."))])
    assert [call.origin for call in rows.calls] == ["replayed"] * 3


def test_published_rules_are_another_annotation(
    annotated: Callable[..., AnnotationRows], script: list[Reply]
) -> None:
    ours, published = annotated(script), annotated(script, rules="toolbench")

    assert published.annotation.rules == "toolbench"
    assert published.annotation.annotation_id != ours.annotation.annotation_id
    assert published.annotation.final_answer == '{"return_type": "give_answer", "final_answer": "3 mm."}'


@pytest.mark.parametrize(
    ("method", "limits"),
    [
        ("dfsdt", (2, 12, 200)),
        ("dfs_ranked", (2, 12, 200)),
        ("react", (None, 12, None)),
        ("react@3", (None, 12, None)),
        ("react@budget", (None, 12, 200)),
    ],
)
def test_a_row_names_the_limits_that_its_method_has(
    annotated: Callable[..., AnnotationRows], scripted: Any, method: str, limits: tuple[int | None, ...]
) -> None:
    row = annotated([scripted.reply(scripted.answer("3 mm."))], method=method).annotation

    assert (row.width, row.max_depth, row.max_queries) == limits


LONG = CallResult(outcome=Outcome.OK, http_status=200, body=json.dumps({"keep": "x" * 2000, "drop": 1}))


def test_long_observations_stay_valid() -> None:
    text = observe(LONG, {"keep": "string"}, 30, TOOLLOOM).text

    assert list(json.loads(text)) == ["keep"]


def test_keys_of_an_answer_that_the_example_lacked_were_not_chosen_to_be_dropped(
    make_api: Callable[..., Api],
) -> None:
    seen = {"base": "value", "rates": {"*": {"buy": "value", "link": "value"}}, "icon": "value"}
    kept = {"base": "string", "rates": {"2026-01-01": {"buy": "number"}}}
    document = dataclasses.replace(
        DOCUMENTS["Weather/sky/forecast"], response_schema=json.dumps(kept), outline=json.dumps(seen)
    )
    answer = {
        "base": "EUR",
        "note": "n",
        "icon": "i",
        "rates": {"2026-05-05": {"buy": 2, "link": "l", "sell": 3}},
    }
    result = CallResult(outcome=Outcome.OK, http_status=200, body=json.dumps(answer))
    shape = response_shape(make_api(), document)
    assert json.loads(observe(result, shape, 300, TOOLLOOM).text) == {
        "base": "EUR",
        "note": "n",
        "rates": {"2026-05-05": {"buy": 2, "sell": 3}},
    }


def test_what_a_description_promises_is_cut_last_from_an_observation() -> None:
    text = json.dumps({"api_description": "Returns the boiling points of a metal."})
    wide = {f"part_{n}": f"words of part {n}" for n in range(300)} | {"boilingPoint": 7}
    shape = json.dumps(dict.fromkeys(wide, "string"))
    document = dataclasses.replace(DOCUMENTS["Weather/sky/forecast"], document=text, response_schema=shape)
    result = CallResult(outcome=Outcome.OK, http_status=200, body=json.dumps(wide))
    seen = observe(result, None, 200, TOOLLOOM, promised=promised_keys(document)).text
    assert json.loads(seen)["boilingPoint"] == 7


def compressed(outline: dict[str, Any]) -> Document:
    return dataclasses.replace(DOCUMENTS["Weather/sky/forecast"], outline=json.dumps(outline))


DECLARED = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"items": {}}}}

OF_DECLARED = {"city": "null", "days": ["null"]}


@pytest.mark.parametrize(
    ("told", "document", "shape"),
    [
        ({}, None, None),
        ({"response_schema": json.dumps(DECLARED)}, None, {"city": "null", "days": ["null"]}),
        (
            {"response_schema": json.dumps(DECLARED), "example_response": "{}"},
            None,
            {"city": "null", "days": ["null"]},
        ),
        ({"example_response": '{"city": "Oslo"}'}, None, None),
        (
            {"response_schema": json.dumps(DECLARED)},
            DOCUMENTS["Weather/sky/forecast"],
            {"city": "string", "rain_mm": "integer"},
        ),
        ({}, compressed({"city": "value", "rain_mm": "value"}), None),
        (
            {},
            compressed({"city": "value", "rain_mm": "value", "icon": "value"}),
            {"city": "null", "rain_mm": "null", "icon": "", "*": "null"},
        ),
    ],
)
def test_what_is_kept_of_a_response_is_what_is_known_of_it(
    make_api: Callable[..., Api], told: dict[str, str], document: Document | None, shape: Any
) -> None:
    assert response_shape(make_api(**told), document) == shape


def test_published_rules_cut_them_after_1024_characters() -> None:
    published = dataclasses.replace(TOOLLOOM, observation_stays_valid=False)

    text = observe(LONG, {"keep": "string"}, 30, published).text

    assert (text[:10], text[-5:], len(text)) == ('{"keep":"x', "xx...", 1027)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.OK, 0),
        (Outcome.NOT_FOUND, 6),
        (Outcome.UNAUTHORIZED, 7),
        (Outcome.UNSUBSCRIBED, 8),
        (Outcome.ERROR_MESSAGE, 11),
        (Outcome.SERVER_ERROR, 0),
    ],
)
def test_the_status_code_is_toolbenchs(outcome: Outcome, code: int) -> None:
    observation = observe(CallResult(outcome=outcome), None, 100, TOOLLOOM)

    assert (observation.outcome, observation.code) == (outcome.value, code)


def test_a_brief_search_leaves_out_what_its_functions_say_already(
    annotated: Callable[..., AnnotationRows], script: list[Reply]
) -> None:
    full, brief = (annotated(script, brief=each).annotation.messages for each in (False, True))
    assert "Sky" in (full[0].content or "")
    assert (brief[0].content or "").startswith("Fulfil the request by calling the functions.")
    assert brief[1:] == full[1:]


@pytest.mark.parametrize(
    ("most", "offered"),
    [
        (None, ("a", "b", "c", "d")),
        (1, ("b", "d")),  # all that is needed, always
        (3, ("b", "c", "d")),  # in the order of before
        (9, ("a", "b", "c", "d")),
    ],
)
def test_fewer_functions_are_those_that_are_needed_and_some_by_lot(
    most: int | None, offered: tuple[str, ...]
) -> None:
    needed = tuple(RelevantApi(tool_name="Sky", api_name=each, api_id=each) for each in "bd")
    row = dataclasses.replace(
        RAIN, relevant_apis=needed, api_ids=("a", "b", "c", "d"), api_fingerprints=("1", "2", "3", "4")
    )
    ((found,), rejects) = choose_instructions([row], AnnotateParams(max_functions=most), {})
    assert found.api_ids == offered
    assert found.api_fingerprints == tuple("1234"["abcd".index(each)] for each in offered)
    assert rejects == []


def test_an_instruction_of_another_level_is_a_reject() -> None:
    rows = [dataclasses.replace(RAIN, instruction_id=each) for each in ("1", "2", "3")]
    levels = {"1": "test_tool", "2": "train", "3": "test_instruction"}
    params = AnnotateParams(levels=("test_tool", "test_instruction"), limit=1)
    found, rejects = choose_instructions(rows, params, {}, level_of=lambda row: levels[row.instruction_id])
    assert [row.instruction_id for row in found] == ["1"]
    assert [(reject.row_id, reject.reason) for reject in rejects] == [
        ("2", "other_level"),
        ("3", "over_limit"),
    ]
