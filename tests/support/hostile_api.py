"""A server that does to its callers what servers on the net do: by the path it is asked for."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

from aiohttp import web

PAGE = "<!doctype html><html><form action='/login'><input name=password></form></html>"

REDIRECTS = {
    "/to-metadata": "http://169.254.169.254/latest/meta-data/",
    "/to-loopback": "http://127.0.0.1:1/",
    "/to-mapped-loopback": "http://[::ffff:127.0.0.1]:1/",
    "/to-decimal-loopback": "http://2130706433:1/",
    "/to-local-name": "http://localhost:1/",
    "/to-file": "file:///etc/passwd",
    "/to-itself": "/to-itself",
    "/to-login": "/login",
}
ANSWERS: dict[str, dict[str, Any]] = {
    "/login": {"text": PAGE, "content_type": "text/html"},
    "/page-as-json": {"text": PAGE, "content_type": "application/json"},
    "/page-in-json": {"text": '"<!DOCTYPE html>\\n<html>please log in"', "content_type": "application/json"},
    "/gzip-bomb": {"body": gzip.compress(bytes(50_000_000)), "headers": {"Content-Encoding": "gzip"}},
    "/deflate-bomb": {"body": zlib.compress(bytes(50_000_000)), "headers": {"Content-Encoding": "deflate"}},
    "/no-gzip": {"body": b"plain", "headers": {"Content-Encoding": "gzip"}},
    "/no-charset": {
        "body": b'{"a": "x"}',
        "headers": {"Content-Type": "application/json; charset=undefined"},
    },
    "/half-characters": {"body": b"+2AA-", "headers": {"Content-Type": "text/plain; charset=utf-7"}},
    "/wrong-charset": {"body": b'{"a": "\xff"}', "headers": {"Content-Type": "text/plain; charset=utf-8"}},
    "/other-charset": {
        "body": '{"a": "\u00e9"}'.encode("cp1252"),
        "headers": {"Content-Type": "application/json; charset=windows-1252"},
    },
    "/abyss": {"text": "[" * 1000 + "]" * 1000, "content_type": "application/json"},
    "/empty-lists": {"text": '{"page": 1, "total": 0, "items": []}', "content_type": "application/json"},
    "/error-object": {"text": '{"error": "no such plan"}', "content_type": "application/json"},
    "/far-future": {"status": 429, "headers": {"Retry-After": "Mon, 01 Jan 99999999999 00:00:00 GMT"}},
    "/harmless": {
        "text": '{"title": "404 error: unauthorized", "views": 3}',
        "content_type": "application/json",
    },
}


async def hostile_api(request: web.BaseRequest) -> web.StreamResponse:
    """Behaves as its path says; paths it does not know do not exist."""
    if request.path in REDIRECTS:
        return web.Response(status=302, headers={"Location": REDIRECTS[request.path]})
    if request.path in ANSWERS:
        return web.Response(**ANSWERS[request.path])
    if request.path == "/drip":
        return await _streamed(request, b".", pause_s=0.02)
    if request.path == "/endless":
        return await _streamed(request, b"x" * 10_000, pause_s=0)
    if request.path == "/silent":
        await asyncio.sleep(60)
    return web.Response(status=404)


async def _streamed(request: web.BaseRequest, piece: bytes, *, pause_s: float) -> web.StreamResponse:
    """Sends the piece again and again, until the caller has had enough."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(piece)
        await asyncio.sleep(pause_s)
