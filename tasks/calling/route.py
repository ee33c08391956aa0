"""Calling an API by the protocol it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tasks.calling.outcome import Caller, CallResult, Outcome
from tasks.transport.guard import NO_SECRETS, Redactor
from warehouse.tables.catalogue import Api


class RoutingCaller:
    """Hands each call to the caller of the API's `protocol`, and no key on that comes back.

    redactor: of the configured keys; a result is cut, judged and kept after it alone.
    """

    def __init__(self, by_protocol: Mapping[str, Caller], redactor: Redactor = NO_SECRETS) -> None:
        self._by_protocol = dict(by_protocol)
        self._redactor = redactor

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        caller = self._by_protocol.get(api.protocol)
        if caller is None:
            detail = f"nothing is configured that calls {api.protocol} APIs"
            return CallResult(outcome=Outcome.UNSAFE_SKIPPED, detail=detail)
        result = await caller.call(api, arguments)
        return self._redacted(result) if self._redactor else result

    def _redacted(self, result: CallResult) -> CallResult:
        redact = self._redactor.redact
        body = result.body and redact(result.body)
        content_type = result.content_type and redact(result.content_type)
        detail = redact(result.detail)
        if (body, content_type, detail) == (result.body, result.content_type, result.detail):
            return result
        return replace(result, body=body, content_type=content_type, detail=detail)
