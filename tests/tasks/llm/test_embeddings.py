"""Vectors from an endpoint: asked for once, paid, tried again, and refused in clear words."""

from __future__ import annotations

import asyncio
import base64
import struct
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from llm_server import Answer, ApplicationThread, Json, ModelServer, fails, sends

from sandbox.teacher import TeacherFaults, build_teacher
from tasks.errors import BrokenContract, EndpointDown, OverBudget, RequestRefused
from tasks.llm.budget import Ledger
from tasks.llm.chat import ReplyStore
from tasks.llm.embeddings import Embedder, EmbeddingClient
from tasks.llm.endpoint import Endpoint
from tasks.llm.params import BudgetParams, EmbeddingParams
from tasks.llm.spending import UsageLog
from tasks.transport.kvstore import DurableMap
from warehouse.tables.accounts import LlmCall

BAD = "what it does not take"


def vector_of(text: str) -> list[float]:
    return [float(len(text)), 0.5]


def listed(texts: list[str], **fields: Any) -> Json:
    """Vectors as OpenAI lists them, the last first: `index` says which is whose."""
    data = [{"index": at, "embedding": vector_of(text)} for at, text in enumerate(texts)]
    return {"data": data[::-1], "model": "m-2026", "usage": {"prompt_tokens": len(texts)}, **fields}


def packed(*vectors: list[float]) -> list[bytes]:
    return [struct.pack("<2f", *vector) for vector in vectors]


async def vectors(request: web.Request, body: Json) -> web.StreamResponse:
    if BAD in body["input"]:
        return await fails(400, "too long", code="context_length_exceeded")(request, body)
    return await sends(listed(body["input"]))(request, body)


def serving(*script: Answer, otherwise: Answer = vectors) -> ModelServer:
    left = list(script)

    async def answer(request: web.Request, body: Json) -> web.StreamResponse:
        return await (left.pop(0) if left else otherwise)(request, body)

    server = ModelServer()
    server.add_post("/v1/embeddings", answer)
    return server


def embed(
    url: str, store: Path, *texts: str, budget: BudgetParams | None = None, **params: Any
) -> tuple[list[bytes | str], list[LlmCall]]:
    """Vectors, or what was said of a text that has none; and the rows of the requests."""
    settings = {"model": "m", "timeout_s": 5, "outage_s": 0.2, "texts_per_request": 2, "price_in": 2.0}
    llm = EmbeddingParams(base_url=url, **{**settings, **params})

    async def run() -> tuple[list[bytes | str], list[LlmCall]]:
        with DurableMap(store) as entries:
            usage = UsageLog()
            ledger = Ledger(budget or BudgetParams(), llm, recorder=usage, run_id="run")
            async with Endpoint(llm, first_pause_s=0.01, ledger=ledger, client=EmbeddingClient) as endpoint:
                found = await Embedder(endpoint, ReplyStore(entries), ledger).embed(texts)
            told = [each.message if isinstance(each, RequestRefused) else each for each in found]
            return told, usage.take_all("embed")

    return asyncio.run(run())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "replies.sqlite"


def test_each_text_is_asked_for_once_in_whatever_company(store: Path) -> None:
    with serving() as server:
        embed(server.url, store, "a", "bb", "a")
        found, _ = embed(server.url, store, "ccc", "bb", "a")
    assert found == packed([3, 0.5], [2, 0.5], [1, 0.5])
    assert [request["input"] for request in server.requests] == [["a"], ["bb"], ["ccc"]]


def test_texts_are_asked_for_together_and_paid_by_their_tokens(store: Path) -> None:
    with serving() as server:
        _, calls = embed(server.url, store, "a", "b", "c", "d")
    assert sorted((call.tokens_in, call.tokens_out, call.cost_usd) for call in calls) == [
        (1, 0, 0.000002),
        (1, 0, 0.000002),
        (2, 0, 0.000004),
    ]
    assert server.requests[0] == {"model": "m", "input": ["a"], "encoding_format": "float"}


def test_a_text_that_is_refused_does_not_take_others_with_it(store: Path) -> None:
    with serving() as server:
        found, _ = embed(server.url, store, "a", "b", BAD, "d", texts_per_request=8)
    assert found == [*packed([1, 0.5], [1, 0.5]), "HTTP 400: too long", *packed([1, 0.5])]


@pytest.mark.parametrize(
    "first",
    [
        fails(503, retry_after="0"),
        fails(500),
        sends("<html>"),
        sends(listed(["a", "b"])),
        sends({"data": []}),
    ],
    ids=["busy", "failed", "html", "too-many", "none"],
)
def test_what_may_pass_is_tried_again(first: Answer, store: Path) -> None:
    with serving(first) as server:
        assert embed(server.url, store, "a")[0] == packed([1, 0.5])
    assert len(server.requests) == 2


def test_vectors_in_base64_are_read_too(store: Path) -> None:
    entry = {"index": 0, "embedding": base64.b64encode(struct.pack("<2f", 0.25, -1)).decode()}
    with serving(otherwise=sends({"data": [entry]})) as server:
        assert embed(server.url, store, "a")[0] == packed([0.25, -1])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (fails(404, "Not Found"), "makes no vectors with the model 'm' (HTTP 404: Not Found)"),
        (fails(501, "start it with --embeddings"), "(HTTP 501: start it with --embeddings)"),
        (
            fails(400, "no embedding model"),
            "makes no vectors with the model 'm' (HTTP 400: no embedding model)",
        ),
        (fails(404, "no such model", code="model_not_found"), "does not offer the model 'm'"),
        (fails(401, "no"), "wants a key (HTTP 401)"),
    ],
)
def test_an_endpoint_without_vectors_is_told_apart_in_one_message(
    answer: Answer, said: str, store: Path
) -> None:
    with serving(otherwise=answer) as server, pytest.raises(BrokenContract) as caught:
        embed(server.url, store, "a", "b", "c")
    assert said in caught.value.message
    assert "[retriever.endpoint]" in (caught.value.fix or "")


def test_an_endpoint_that_is_away_is_not_waited_for_at_the_beginning(store: Path) -> None:
    with pytest.raises(EndpointDown, match="does not answer"):
        embed("http://127.0.0.1:9/v1", store, "a", outage_s=60)


def test_a_budget_holds_for_vectors(store: Path) -> None:
    with serving() as server, pytest.raises(OverBudget, match="max_requests"):
        embed(server.url, store, "a", "b", "c", budget=BudgetParams(max_requests=1))
    with serving() as server:
        assert embed(server.url, store, "a", budget=BudgetParams(max_requests=0))[0] == packed([1, 0.5])


def test_the_teacher_places_texts_by_their_words(store: Path) -> None:
    with ApplicationThread(build_teacher(TeacherFaults.none())) as url:
        found, _ = embed(
            f"{url}/v1", store, "Weather forecasts", "the weather forecast", "moon", model="toolloom-teacher"
        )
    assert all(isinstance(each, bytes) for each in found)
    one, other, third = (struct.unpack("<256f", each) for each in found if isinstance(each, bytes))
    assert sum(a * b for a, b in zip(one, other, strict=True)) > 0.8
    assert abs(sum(a * b for a, b in zip(one, third, strict=True))) < 0.1
