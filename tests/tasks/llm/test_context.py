"""Requests within the context of servers that say how long it is, each in its own words, or only refuse."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from llm_server import Answer, Json, ModelServer, completion, fails, sends

from tasks.errors import BrokenContract, RequestRefused
from tasks.llm.adapt import ENOUGH_TO_TELL, FunctionWatch, Overflow, fit_request
from tasks.llm.budget import Ledger
from tasks.llm.chat import ChatRequest, Message, Reply, ReplyStore, ToolCall, ToolSet, Transcript
from tasks.llm.client import Client, context_in
from tasks.llm.endpoint import Endpoint, StoredModel, check_endpoint
from tasks.llm.failures import TOO_LONG
from tasks.llm.params import BudgetParams, Capabilities, LlmParams
from tasks.llm.spending import UsageLog
from tasks.transport.kvstore import DurableMap

TOOLS = ToolSet.of(
    {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {}}}
)


def searched(*observations: str) -> ChatRequest:
    """What a search asks that has seen so much."""
    said = [Message("system", "Use the functions."), Message("user", "How is the sea?")]
    for number, observation in enumerate(observations):
        call = ToolCall(f"call{number}", "look", "{}")
        said += [Message("assistant", None, (call,)), Message("tool", observation, (), call.id)]
    return ChatRequest(transcript=Transcript.of(*said), tools=TOOLS)


def seen(request: Json | ChatRequest) -> list[str]:
    if isinstance(request, ChatRequest):
        return [message.content or "" for message in request.transcript if message.role == "tool"]
    return [message["content"] for message in request["messages"] if message["role"] == "tool"]


SEA = " ".join(f"wave {number}" for number in range(1000))
REQUEST = searched(SEA, SEA, "calm")


@pytest.mark.parametrize(
    ("entry", "context"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"loaded_context_length": 2048, "max_context_length": 131072}, 2048),
        ({"max_context_length": 32768}, 32768),
        ({"context_window": 8192}, 8192),
        ({"context_length": 8193}, 8193),
        ({"meta": {"n_ctx": 512, "n_ctx_train": 8192}}, 512),
        ({"meta": {"n_ctx_train": 8192}}, None),
        ({"meta": None, "max_model_len": "4096"}, None),
        ({"max_model_len": True}, None),
        ({}, None),
    ],
)
def test_a_list_of_models_may_tell_the_context(entry: dict[str, Any], context: int | None) -> None:
    listing = {"data": [{"id": "other", "max_model_len": 1}, {"id": "m", **entry}]}
    assert context_in(listing, "m") == context
    assert context_in({"data": [{"id": "an alias of it", **entry}]}, "m") == context
    assert context_in(listing, "neither") is None


def told_by(models: Answer, props: Json | None = None) -> int | None:
    server = ModelServer(models=models)
    if props is not None:
        server.add_get("/props", sends(props))
    with server:

        async def run() -> int | None:
            client = Client(LlmParams(base_url=server.url, model="m"))
            await check_endpoint(client, 0.01)
            await client.close()
            return client.context

        return asyncio.run(run())


def test_llama_cpp_tells_it_beside_the_protocol() -> None:
    listing = sends({"data": [{"id": "m.gguf", "owned_by": "llamacpp", "meta": {"n_ctx_train": 8192}}]})
    assert told_by(listing, {"default_generation_settings": {"n_ctx": 2048}}) == 2048
    assert told_by(listing) is None


@pytest.mark.parametrize(
    ("words", "context", "asked"),
    [
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4744 in "
            "the messages, 256 in the completion). Please reduce the length of the messages or completion.",
            4096,
            4744,
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length "
            "is 4096 tokens and your request has 3500 input tokens (1024 > 4096 - 3500).",
            4096,
            3500,
        ),
        (
            "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
            8192,
            9000,
        ),
        ("the request exceeds the available context size. try increasing the context size", None, None),
        (
            "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested "
            "a total of 5000 tokens: 4000 tokens from the input messages and 1000 tokens for the completion.",
            4096,
            4000,
        ),
        ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", 4096, 5000),
        ("prompt is too long: 210000 tokens > 200000 maximum", 200000, 210000),
        (
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context "
            "length",
            32768,
            40000,
        ),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            1048576,
            1200000,
        ),
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3900 "
            "`inputs` tokens and 1024 `max_new_tokens`",
            4096,
            3900,
        ),
        (
            "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded "
            "with context length of only 4096 tokens, which is not enough.",
            4096,
            5000,
        ),
        ("This endpoint's maximum context length is 131,072 tokens.", 131072, None),
    ],
)
def test_a_refusal_tells_the_context(words: str, context: int | None, asked: int | None) -> None:
    assert Overflow.of(RequestRefused("endpoint_refused", f"HTTP 400: {words}")) == Overflow(context, asked)


@pytest.mark.parametrize("words", ["no tools", "max_tokens must be at least 1", "the context is missing"])
def test_another_refusal_tells_none(words: str) -> None:
    assert Overflow.of(RequestRefused("endpoint_refused", f"HTTP 400: {words}")) is None


def test_older_observations_are_shortened_first() -> None:
    one, two, three = seen(fit_request(REQUEST, Capabilities(), 5000, "m"))
    assert one.startswith("wave 0 wave 1")
    assert one.endswith(" ... [cut]")
    assert (len(one) < len(SEA), two, three) == (True, SEA, "calm")


@pytest.mark.parametrize("context", [None, 100_000])
def test_what_fits_stays_as_it_is(context: int | None) -> None:
    assert fit_request(REQUEST, Capabilities(), context, "m") is REQUEST


def test_the_same_holds_where_functions_are_told_in_words() -> None:
    said = fit_request(REQUEST, Capabilities(tools=False), 4000, "m").transcript.messages()
    told = [message.content or "" for message in said if (message.content or "").startswith("Observation")]
    assert [text.endswith("[cut]") for text in told] == [True, True, False]


Size = Callable[[Json], int]


def tokens(body: Json) -> int:
    """As a small vocabulary counts: twice what others would."""
    return len(orjson.dumps([body["messages"], body.get("tools")])) // 2


def vllm(context: int, count: Size = tokens) -> Answer:
    async def answer(request: web.Request, body: Json) -> web.StreamResponse:
        n = count(body)
        if n + 500 <= context:
            return await sends(completion())(request, body)
        told = (
            f"This model's maximum context length is {context} tokens. However, your request has {n} input "
            "tokens. Please reduce the length of the input messages."
        )
        return await fails(400, told, "BadRequestError")(request, body)

    return answer


def llama_of_before(context: int) -> Answer:
    """It tells no number."""

    async def answer(request: web.Request, body: Json) -> web.StreamResponse:
        if tokens(body) <= context:
            return await sends(completion())(request, body)
        told = "the request exceeds the available context size. try increasing the context size"
        return await fails(400, told, "exceed_context_size_error")(request, body)

    return answer


def asked(
    server: ModelServer,
    store: Path,
    *requests: ChatRequest,
    ordinals: Sequence[int] | None = None,
    **params: Any,
) -> list[Reply | str]:
    """The reply to each, or why there is none.  ordinals: theirs; they are counted unless given."""
    settings = LlmParams(base_url=server.url, **{"model": "m", "max_tokens": 500, **params})

    async def run() -> list[Reply | str]:
        with DurableMap(store) as entries:
            async with Endpoint(settings, first_pause_s=0.01) as endpoint:
                model = StoredModel(
                    endpoint=endpoint,
                    store=ReplyStore(entries),
                    ledger=Ledger(BudgetParams(), settings, recorder=UsageLog(), run_id="run"),
                    functions=FunctionWatch(model="m", where=server.url),
                    stage="annotate",
                )
                said: list[Reply | str] = []
                for ordinal, request in zip(ordinals or range(len(requests)), requests, strict=True):
                    try:
                        said.append(await model.ask(request, row_id="a", ordinal=ordinal))
                    except (RequestRefused, BrokenContract) as error:
                        said.append(error.reason if isinstance(error, RequestRefused) else error.message)
                return said

    return asyncio.run(run())


def test_what_is_stored_is_given_when_nothing_more_may_be_asked(tmp_path: Path) -> None:
    """Enough answers without a call end a run; a reply that is paid for is of use all the same."""
    store, text = (
        tmp_path / "replies.sqlite",
        completion({"role": "assistant", "content": "I would call it."}),
    )
    with ModelServer(otherwise=sends(text)) as server:
        asked(server, store, REQUEST)
        later = [*range(2, ENOUGH_TO_TELL + 3), 0]
        replies = asked(server, store, *[REQUEST] * len(later), ordinals=later)

    given = [isinstance(reply, Reply) for reply in replies]
    assert given == [True] * (ENOUGH_TO_TELL - 1) + [False, False, True]
    assert len(server.requests) == ENOUGH_TO_TELL + 1


@pytest.mark.parametrize("answer", [vllm(8_000), llama_of_before(7_000)])
def test_a_request_that_was_refused_for_its_length_is_asked_shorter(answer: Answer, tmp_path: Path) -> None:
    with ModelServer(otherwise=answer) as server:
        (reply,) = asked(server, tmp_path / "replies.sqlite", REQUEST)

    assert isinstance(reply, Reply)
    first, *_, last = server.requests
    assert (seen(first), seen(last)[2]) == ([SEA, SEA, "calm"], "calm")
    assert len(server.requests) <= 4


def test_a_context_that_is_set_spares_the_refusal(tmp_path: Path) -> None:
    with ModelServer(otherwise=vllm(5000, lambda body: tokens(body) * 2 // 3)) as server:
        (reply,) = asked(server, tmp_path / "replies.sqlite", REQUEST, context=5000)

    assert isinstance(reply, Reply)
    assert len(server.requests) == 1


def test_what_is_asked_depends_on_no_other_request(tmp_path: Path) -> None:
    requests = [searched(SEA, text) for text in ("calm", "rough", SEA)]
    last = []
    for number, order in enumerate(itertools.permutations(requests)):
        with ModelServer(otherwise=vllm(8000)) as server:
            asked(server, tmp_path / f"{number}.sqlite", *order)
        taken = [body for body in server.requests if tokens(body) + 500 <= 8000]
        last.append(sorted(orjson.dumps(body) for body in taken))
    assert len(set(map(tuple, last))) == 1


def test_what_was_too_long_is_not_sent_again(tmp_path: Path) -> None:
    with ModelServer(otherwise=vllm(600)) as server:
        said = asked(server, tmp_path / "replies.sqlite", searched("calm"), searched("calm"))

    assert said == [TOO_LONG, TOO_LONG]
    assert len(server.requests) == 1


def test_a_model_whose_context_is_too_short_for_all_requests_ends_the_run(tmp_path: Path) -> None:
    requests = [searched(f"calm {number}") for number in range(ENOUGH_TO_TELL)]
    with ModelServer(otherwise=vllm(600)) as server:
        said = asked(server, tmp_path / "replies.sqlite", *requests)

    assert said[: ENOUGH_TO_TELL - 1] == [TOO_LONG] * (ENOUGH_TO_TELL - 1)
    assert "are longer than its context" in str(said[-1])
