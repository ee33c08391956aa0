from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from llm_server import ModelServer, drops, fails, sends

from tasks.errors import EndpointDown, UsageError
from tasks.llm.endpoint import Endpoint
from tasks.llm.params import LlmParams


def check(url: str, **params: Any) -> None:
    async def run() -> None:
        async with Endpoint(LlmParams(base_url=url, model="m", **params), first_pause_s=0.01) as endpoint:
            await endpoint.check()

    asyncio.run(run())


UNKNOWN = fails(404, "The model `m` does not exist.", "model_not_found")


def test_a_listed_model_costs_no_chat_request() -> None:
    with ModelServer(models=["a", "m"]) as server:
        check(server.url)
    assert (server.n_listings, server.requests) == (1, [])


@pytest.mark.parametrize(
    "listing",
    [
        sends({"data": []}),
        sends({"data": [{"id": "other"}]}),
        sends("<p>models</p>"),
        sends({"models": ["m"]}),
        fails(404),
        sends("404 page not found", 404),
        fails(405),
        fails(403, "this key may chat, not list"),
    ],
)
def test_a_model_that_is_not_listed_is_asked_for_one_token(listing: Any) -> None:
    with ModelServer(models=listing) as server:
        check(server.url)
    assert server.requests == [
        {"model": "m", "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1}
    ]


def test_an_unknown_model_is_refused_with_those_offered() -> None:
    offered = ["gpt", "mini", "m2"]
    with ModelServer(otherwise=UNKNOWN, models=offered) as server, pytest.raises(UsageError) as caught:
        check(server.url)
    assert caught.value.message == f"the model endpoint {server.url} does not offer the model 'm'"
    assert caught.value.fix == "set [llm] model to one that it offers: m2, mini, gpt"


def test_an_unknown_model_without_a_list() -> None:
    with ModelServer(otherwise=UNKNOWN, models=fails(404)) as server, pytest.raises(UsageError) as caught:
        check(server.url)
    assert "does not exist" in str(caught.value)


def test_a_probe_refused_for_its_own_sake_says_nothing_of_the_model() -> None:
    with ModelServer(fails(400, "max_tokens must be at least 16"), models=[]) as server:
        check(server.url)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "wrong")
    refusal = fails(status)
    with ModelServer(otherwise=refusal, models=refusal) as server, pytest.raises(UsageError) as caught:
        check(server.url, api_key_env="MY_KEY")
    assert "refuses the key from $MY_KEY" in str(caught.value)


def test_a_missing_key() -> None:
    refusal = fails(401)
    with ModelServer(otherwise=refusal, models=refusal) as server, pytest.raises(UsageError) as caught:
        check(server.url)
    assert caught.value.message == f"the model endpoint {server.url} wants a key (HTTP 401)"


def test_nobody_there() -> None:
    begun = time.monotonic()
    with pytest.raises(EndpointDown, match=r"http://127\.0\.0\.1:9/v1") as caught:
        check("http://127.0.0.1:9/v1")
    assert "[llm] base_url" in (caught.value.fix or "")
    assert time.monotonic() - begun < 2


def test_a_fault_that_passes_is_forgiven() -> None:
    faults = iter([fails(500), drops()])

    async def sometimes(request: Any, body: dict[str, Any]) -> Any:
        return await next(faults, sends({"data": [{"id": "m"}]}))(request, body)

    with ModelServer(models=sometimes) as server:
        check(server.url)
    assert server.n_listings == 3


def test_a_web_page_is_no_endpoint() -> None:
    page = sends("<html>hello</html>")
    with ModelServer(otherwise=page, models=page) as server, pytest.raises(UsageError, match="chat protocol"):
        check(server.url)
