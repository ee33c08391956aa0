"""Calls go to the caller of the API's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.route import RoutingCaller
from warehouse.tables.catalogue import Api


class Named:
    def __init__(self, name: str) -> None:
        self._name = name

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        return CallResult(outcome=Outcome.OK, body=f"{self._name} {api.api_name} {dict(arguments)}")


CALLER = RoutingCaller({"http": Named("http"), "mcp": Named("mcp")})


def test_the_protocol_decides_who_calls(make_api: Callable[..., Api]) -> None:
    result = asyncio.run(CALLER.call(make_api(api_name="Now", protocol="mcp"), {"zone": "UTC"}))
    assert result.body == "mcp Now {'zone': 'UTC'}"


def test_a_protocol_that_nobody_calls_is_skipped(make_api: Callable[..., Api]) -> None:
    result = asyncio.run(CALLER.call(make_api(protocol="toolbench"), {}))
    assert result == CallResult(
        outcome=Outcome.UNSAFE_SKIPPED, detail="nothing is configured that calls toolbench APIs"
    )
