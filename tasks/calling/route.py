"""Calling an API by the protocol it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.calling.outcome import Caller, CallResult, Outcome
from warehouse.tables.catalogue import Api


class RoutingCaller:
    """Hands each call to the caller of the API's `protocol`."""

    def __init__(self, by_protocol: Mapping[str, Caller]) -> None:
        self._by_protocol = dict(by_protocol)

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        caller = self._by_protocol.get(api.protocol)
        if caller is None:
            detail = f"nothing is configured that calls {api.protocol} APIs"
            return CallResult(outcome=Outcome.UNSAFE_SKIPPED, detail=detail)
        return await caller.call(api, arguments)
