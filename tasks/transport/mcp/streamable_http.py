"""The HTTP client beneath the SDK's streamable HTTP transport: bounded, and clear about what went wrong.

The SDK tells its caller no more than a JSON-RPC error, and lets an exception of one request end the session
of all.  So what goes wrong with a request is made into the JSON-RPC error that answers it.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import orjson
from mcp.client.streamable_http import streamable_http_client
from mcp_types import INTERNAL_ERROR

from tasks import exact_json
from tasks.transport.mcp.failures import CUT_SHORT, TOO_LARGE
from tasks.transport.retry import retry_after

HTTP_STATUS = "toolloom/http-status"
RETRY_AFTER = "toolloom/retry-after"
UNREACHABLE = "toolloom/unreachable"

_CONNECT_S = 10.0
# For the answers to notifications and goodbyes, which say nothing: the SDK does nothing else meanwhile.
_NOTIFY_S = 2.0
_READABLE = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
_REFUSED_BYTES = 64_000  # of an error page


@asynccontextmanager
async def http_transport(
    url: str, headers: Mapping[str, str], *, proxy: str | None, max_message_bytes: int, timeout_s: float
) -> AsyncIterator[tuple[Any, Any]]:
    """The SDK's transport to the server at `url`.  timeout_s: longest silence; deadlines are the caller's."""
    async with (
        _client(headers, proxy, max_message_bytes, timeout_s) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=max_message_bytes) as streams,
    ):
        yield streams


def _client(
    headers: Mapping[str, str], proxy: str | None, max_message_bytes: int, timeout_s: float
) -> httpx2.AsyncClient:
    """No password of the environment: an answer depends on its request alone."""
    return httpx2.AsyncClient(
        transport=_Bounded(httpx2.AsyncHTTPTransport(trust_env=False, proxy=proxy), max_message_bytes),
        headers={"User-Agent": "toolloom/0.1", "Accept-Encoding": "identity", **headers},
        timeout=httpx2.Timeout(_CONNECT_S, read=timeout_s),
        trust_env=False,
    )


class _Bounded(httpx2.AsyncBaseTransport):
    def __init__(self, inner: httpx2.AsyncBaseTransport, max_message_bytes: int) -> None:
        self._inner = inner
        self._max_message_bytes = max_message_bytes

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "DELETE" or (request.method == "POST" and _is_notification(request)):
            request.extensions["timeout"] = request.extensions["timeout"] | {"read": _NOTIFY_S}
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.TransportError as error:
            return _answer({UNREACHABLE: type(error).__name__})
        if response.status_code >= 400:
            return await _explained(response)
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in _READABLE:
            await response.aclose()
            return _answer({UNREACHABLE: "UnaskedCompression"})
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        body = _BoundedStream(
            response.stream, self._max_message_bytes, unpack=encoding not in ("", "identity")
        )
        # What a gateway packs unasked is unpacked here, where few bytes that stand for many are noticed.
        packing = (b"content-encoding", b"content-length")
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in packing]
        return httpx2.Response(
            response.status_code, headers=headers, stream=body, extensions=response.extensions
        )


def _is_notification(request: httpx2.Request) -> bool:
    message = exact_json.loads(request.content)
    return isinstance(message, dict) and "id" not in message


class _BodyFailed(httpx2.StreamError, httpx2.SSEError):
    """Both kinds of body, JSON and a stream of events, turn one of these into the error of their request."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: int, *, unpack: bool) -> None:
        self._inner = inner
        self._limit = limit
        self._unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32) if unpack else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limit
        try:
            async for sent in self._inner:
                chunk = sent if self._unpacking is None else self._unpacking.decompress(sent, left + 1)
                left -= len(chunk)
                if left < 0:
                    break
                yield chunk
        except (httpx2.TransportError, zlib.error) as error:
            raise _BodyFailed(CUT_SHORT) from error
        if left < 0:
            raise _BodyFailed(TOO_LARGE)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _explained(response: httpx2.Response) -> httpx2.Response:
    """A refusal in the server's own words when they are a JSON-RPC error, else as one."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    body = b""
    try:
        async for chunk in response.stream:
            body += chunk
            if len(body) > _REFUSED_BYTES:
                break
    except httpx2.TransportError:
        body = b""
    finally:
        await response.aclose()
    said = _error_of(body)
    data: dict[str, Any] = {HTTP_STATUS: response.status_code, RETRY_AFTER: retry_after(response.headers)}
    return _answer(data) if said is None else _answer(data, said)


def _error_of(body: bytes) -> dict[str, Any] | None:
    try:
        message = exact_json.loads(body)
    except orjson.JSONDecodeError:
        return None
    error = message.get("error") if isinstance(message, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        return None
    return error if isinstance(error.get("message"), str) else None


def _answer(data: Mapping[str, Any], error: Mapping[str, Any] | None = None) -> httpx2.Response:
    """A JSON-RPC error with what is known of its cause; the SDK fills in the id."""
    said = {"code": INTERNAL_ERROR, "message": ""} if error is None else error
    own = said.get("data")
    facts = {**(own if isinstance(own, dict) else {}), **data}
    message = {"jsonrpc": "2.0", "id": None, "error": {**said, "data": facts}}
    return httpx2.Response(400, headers={"content-type": "application/json"}, content=orjson.dumps(message))
