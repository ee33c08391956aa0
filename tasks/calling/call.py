"""Calling an API by the protocol it speaks: whatever happens out there is an outcome, not an exception."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tasks.calling.credentials import Credentials
from tasks.calling.outcome import Caller, CallResult, Outcome
from tasks.calling.params import CallingParams
from tasks.calling.request import InvalidArguments, build_request, host_of
from tasks.calling.verdict import outcome_of
from tasks.errors import ConnectionFailed
from tasks.text_budget.shorten import json_text
from tasks.transport.client import (
    BodyTooLarge,
    DeadlinePassed,
    HttpClient,
    HttpRequest,
    HttpResponse,
    Unreachable,
)
from tasks.transport.guard import AddressBlocked
from tasks.transport.proxies import Proxies
from tasks.transport.reading import decoded
from tasks.transport.redactor import NO_SECRETS, Redactor
from tasks.transport.retry import Backoff, retry_after
from warehouse.tables.catalogue import Api

# Waiting longer than this for one call would hold up a search; the model is told instead.
LONGEST_PAUSE_S = 10.0

_RAPIDAPI = ".rapidapi.com"
_LONGEST_CONTENT_TYPE = 100


def http_client(params: CallingParams, allow_hosts: Sequence[str]) -> HttpClient:
    """A client for APIs.  allow_hosts: host globs that may have private addresses."""
    return HttpClient(
        timeout_s=params.timeout_s,
        max_bytes=params.max_bytes,
        concurrency=params.concurrency,
        per_host_rps=params.per_host_rps,
        resolve=params.resolve,
        allow_hosts=allow_hosts,
        timeout_of=params.timeout_at if params.hosts else None,
        rps_of=params.rps_at,
        proxies=Proxies(params.proxy),
    )


class DirectCaller:
    """Calls APIs where they are.  Raises `UsageError` at once when a configured key is not set."""

    def __init__(self, client: HttpClient, params: CallingParams) -> None:
        self._client = client
        self._params = params
        self._credentials = Credentials.from_environment(params.key_names, ways=params.key_as)

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        """One try.  Methods that are not allowed are not sent; arguments are checked before anything is."""
        skipped = self._skipped(api)
        if skipped is not None:
            return CallResult(outcome=Outcome.UNSAFE_SKIPPED, detail=skipped)
        try:
            request = build_request(api, arguments, credentials=self._credentials)
        except InvalidArguments as error:
            body = json_text({"message": error.message})
            return CallResult(outcome=Outcome.INVALID_ARGUMENTS, body=body, detail=error.message)
        return await self._sent(request, self._credentials.redactor_for(host_of(api)))

    def _skipped(self, api: Api) -> str | None:
        if api.protocol != "http":
            return f"protocol {api.protocol} is not called over HTTP"
        if api.method.upper() not in self._params.methods_at(host_of(api)):
            return f"{api.method.upper()} is not among [calling] methods"
        return None

    async def _sent(self, request: HttpRequest, redactor: Redactor) -> CallResult:
        host = urlsplit(request.url).hostname or ""
        try:
            if host.endswith(_RAPIDAPI):  # its gateway wants to be told, beside the key, which API it is
                request = replace(request, headers=(*request.headers, ("X-RapidAPI-Host", host)))
            response = await self._client.send(request)
        except DeadlinePassed as error:
            return _failed(Outcome.TIMEOUT, error.message, latency_ms=self._params.timeout_at(host) * 1000)
        except Unreachable as error:
            return CallResult(outcome=Outcome.CONNECTION_ERROR, detail=error.message, unreached=True)
        except ConnectionFailed as error:
            return _failed(Outcome.CONNECTION_ERROR, error.message)
        except BodyTooLarge as error:
            return _failed(Outcome.TOO_LARGE, error.message, http_status=error.status)
        except AddressBlocked as error:
            return _failed(Outcome.BLOCKED, error.message)
        return _result(request.method, response, redactor)


def _failed(
    outcome: Outcome, detail: str, *, latency_ms: float = 0.0, http_status: int | None = None
) -> CallResult:
    return CallResult(outcome=outcome, http_status=http_status, latency_ms=latency_ms, detail=detail)


def _result(method: str, response: HttpResponse, redactor: Redactor) -> CallResult:
    # Bytes of a header that are no text come as half characters, which no table can hold.
    header = response.headers.get("content-type", "").encode("ascii", "replace").decode()
    content_type = header.partition(";")[0].strip().lower()[:_LONGEST_CONTENT_TYPE] or None
    body = decoded(response.body, header)
    n_bytes = len(response.body)
    return CallResult(
        outcome=outcome_of(response.status, content_type, body, n_bytes=n_bytes, method=method),
        http_status=response.status,
        latency_ms=response.latency_ms,
        content_type=content_type,
        n_bytes=n_bytes,
        body=None if body is None else redactor.redact(body),
        retry_after=retry_after(response.headers),
    )


class RetryingCaller:
    """Tries again what may pass: up to `attempts` calls, doubling the pause, longer when the API asks for it.

    An API that asks for more than `LONGEST_PAUSE_S` is not asked again.
    """

    def __init__(self, caller: Caller, *, attempts: int, first_pause_s: float = 0.3) -> None:
        self._caller = caller
        self._attempts = attempts
        self._backoff = Backoff(first_pause_s, LONGEST_PAUSE_S)

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        """The first result that is not transient, or the last one."""
        for attempt in range(1, self._attempts + 1):
            result = await self._caller.call(api, arguments)
            if attempt == self._attempts or not (
                result.outcome.transient and (result.retry_after or 0.0) <= LONGEST_PAUSE_S
            ):
                break
            growing = self._backoff.pause_s(attempt) * _jitter(api.api_id, attempt)
            await asyncio.sleep(min(max(growing, result.retry_after or 0.0), LONGEST_PAUSE_S))
        return result


def _jitter(api_id: str, attempt: int) -> float:
    """Between 0.75 and 1.25, spread over APIs, and the same every time."""
    digest = hashlib.blake2b(f"{api_id} {attempt}".encode(), digest_size=2).digest()
    return 0.75 + int.from_bytes(digest, "big") / 2**17


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
        if not self._redactor:
            return result
        redact = self._redactor.redact
        body = result.body and redact(result.body)
        content_type = result.content_type and redact(result.content_type)
        detail = redact(result.detail)
        if (body, content_type, detail) == (result.body, result.content_type, result.detail):
            return result
        return replace(result, body=body, content_type=content_type, detail=detail)
