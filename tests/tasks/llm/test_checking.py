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


@pytest.mark.parametrize(
    "listing",
    [
        sends({"data": [{"id": "a"}, {"id": "m"}]}),
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
def test_whatever_the_list_says_no_request_is_made(listing: Any) -> None:
    with ModelServer(models=listing) as server:
        check(server.url)
    assert (server.n_listings, server.requests) == (1, [])


def test_a_refused_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "wrong")
    refusal = fails(401)
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
