"""The ways in which APIs of the hub are broken on purpose, each by name.

What a fault does is a pure function of the API, the arguments and the number of earlier identical
requests: never of the clock or of the order in which different requests arrive.
"""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

SLOW_S = 3.0
HUGE_BYTES = 2_500_000
DEMO_KEY = "sandbox"  # printed on the index page: opens the APIs that need a key
FLAKY_FAILURES = 2  # at most; the next identical request always succeeds


class Fault(StrEnum):
    """How an API is broken."""

    NOT_FOUND = "not_found"
    SERVER_ERROR = "server_error"
    HTML_PAGE = "html_page"
    EMPTY_BODY = "empty_body"
    SLOW = "slow"
    DROPPED_CONNECTION = "dropped_connection"
    NEEDS_KEY = "needs_key"
    NOT_SUBSCRIBED = "not_subscribed"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    HUGE = "huge"
    ERROR_OBJECT = "error_object"
    FLAKY = "flaky"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What a fault may depend on: one request, a number hashed from it, and how often it came before."""

    request: web.Request
    digest: int
    earlier: int
    answer: Callable[[], Awaitable[web.Response]]


def error_response(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **details: str
) -> web.Response:
    """A refusal with an HTTP error status and the error object that all refusals of the hub carry."""
    error = {"error": {"code": code, "message": message, **details}}
    return _json(error, status=status, headers=headers)


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = json.dumps(value, ensure_ascii=False).encode()
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


async def respond(fault: Fault, exchange: Exchange) -> web.StreamResponse:
    """Answers a request to a broken API in the way its fault says."""
    return await _BEHAVIOURS[fault](exchange)


async def _not_found(exchange: Exchange) -> web.StreamResponse:
    return error_response(404, "not_found", f"Endpoint '{exchange.request.path}' does not exist")


async def _server_error(_: Exchange) -> web.StreamResponse:
    return error_response(500, "internal_error", "An unexpected error occurred, please contact support")


async def _html_page(_: Exchange) -> web.StreamResponse:
    page = (
        "<!DOCTYPE html><html><head><title>Site under maintenance</title></head>"
        "<body><h1>We will be back soon</h1><p>This service has moved.</p></body></html>"
    )
    return web.Response(text=page, content_type="text/html")


async def _empty_body(_: Exchange) -> web.StreamResponse:
    return web.Response(body=b"", content_type="application/json")


async def _slow(exchange: Exchange) -> web.StreamResponse:
    await asyncio.sleep(SLOW_S)
    return await exchange.answer()


async def _dropped_connection(exchange: Exchange) -> web.StreamResponse:
    if exchange.request.transport is not None:
        exchange.request.transport.abort()
    return web.Response()


async def _needs_key(exchange: Exchange) -> web.StreamResponse:
    if _carries_key(exchange.request):
        return await exchange.answer()
    headers = {"WWW-Authenticate": 'Bearer realm="sandbox"'}
    return error_response(401, "unauthorized", "Invalid or missing API key", headers=headers)


def _carries_key(request: web.Request) -> bool:
    basic = base64.b64encode(f"{DEMO_KEY}:{DEMO_KEY}".encode()).decode()
    accepted = {f"Bearer {DEMO_KEY}", f"Basic {basic}"}
    return (
        request.headers.get("Authorization") in accepted
        or request.headers.get("X-Api-Key") == DEMO_KEY
        or request.query.get("api_key") == DEMO_KEY
    )


async def _not_subscribed(_: Exchange) -> web.StreamResponse:
    return _json({"message": "You are not subscribed to this API."}, status=403)


async def _wrong_content_type(exchange: Exchange) -> web.StreamResponse:
    """The answer deflated, but sent without saying so: bytes that no client can read as JSON."""
    answer = await exchange.answer()
    return web.Response(body=zlib.compress(_body(answer)), content_type="application/octet-stream")


async def _huge(exchange: Exchange) -> web.StreamResponse:
    answer = await exchange.answer()
    body = b'{"data": %b, "debug_trace": "%b"}' % (_body(answer), b"x" * HUGE_BYTES)
    return web.Response(body=body, content_type="application/json")


def _body(answer: web.Response) -> bytes:
    if not isinstance(answer.body, bytes):
        raise TypeError("answers of the hub are bytes")
    return answer.body


async def _error_object(exchange: Exchange) -> web.StreamResponse:
    bodies = (
        {"error": "Quota of the demonstration plan is used up."},
        {"message": "Something went wrong, try again later"},
        {"error": {"code": 1045, "message": "database is read-only"}, "success": False},
    )
    return _json(bodies[exchange.digest % len(bodies)])


async def _flaky(exchange: Exchange) -> web.StreamResponse:
    """Fails for the first one or two identical requests, then works for ever."""
    failures = 1 + exchange.digest % FLAKY_FAILURES
    if exchange.earlier >= failures:
        return await exchange.answer()
    transient = (_overloaded, _rate_limited, _broken_off)
    return await transient[(exchange.digest // FLAKY_FAILURES + exchange.earlier) % 3](exchange)


async def _overloaded(_: Exchange) -> web.StreamResponse:
    headers = {"Retry-After": "0"}
    return error_response(503, "overloaded", "The service is overloaded for a moment", headers=headers)


async def _rate_limited(_: Exchange) -> web.StreamResponse:
    return error_response(429, "rate_limited", "Too many requests", headers={"Retry-After": "0"})


async def _broken_off(exchange: Exchange) -> web.StreamResponse:
    """Closes in the middle of the body.

    Closing before the first byte would be invisible to clients that silently repeat a request on a
    reused connection, so that what they see would depend on their connection pool.
    """
    request = exchange.request
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "4096"})
    await response.prepare(request)
    await response.write(b'{"result": ')
    if request.transport is not None:
        request.transport.close()
    return response


_BEHAVIOURS: Mapping[Fault, Callable[[Exchange], Awaitable[web.StreamResponse]]] = {
    Fault.NOT_FOUND: _not_found,
    Fault.SERVER_ERROR: _server_error,
    Fault.HTML_PAGE: _html_page,
    Fault.EMPTY_BODY: _empty_body,
    Fault.SLOW: _slow,
    Fault.DROPPED_CONNECTION: _dropped_connection,
    Fault.NEEDS_KEY: _needs_key,
    Fault.NOT_SUBSCRIBED: _not_subscribed,
    Fault.WRONG_CONTENT_TYPE: _wrong_content_type,
    Fault.HUGE: _huge,
    Fault.ERROR_OBJECT: _error_object,
    Fault.FLAKY: _flaky,
}
