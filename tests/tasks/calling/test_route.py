"""Calls go to the caller of the API's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.route import RoutingCaller
from tasks.transport.guard import Redactor
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


def test_no_key_is_handed_on_in_what_is_said_in_words_of_ours_or_in_a_type(
    make_api: Callable[..., Api],
) -> None:
    class Echoing:
        async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
            return CallResult(
                outcome=Outcome.NOT_FOUND,
                http_status=404,
                body=f"no {arguments['city']} for {api.api_name}, sk-abc-123",
                content_type="text/sk-abc-123",
                detail="sk-abc-123.test did not answer",
            )

    caller = RoutingCaller({"http": Echoing()}, Redactor(["sk-abc-123"]))

    assert asyncio.run(caller.call(make_api(api_name="Now"), {"city": "Oslo"})) == CallResult(
        outcome=Outcome.NOT_FOUND,
        http_status=404,
        body="no Oslo for Now, [redacted]",
        content_type="text/[redacted]",
        detail="[redacted].test did not answer",
    )
