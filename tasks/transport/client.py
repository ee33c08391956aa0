"""HTTP with a total deadline, a size cap, a pace per host and the address guard.

Knows nothing of APIs: a request goes out, a response of any status comes back.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict
from yarl import URL

from tasks.errors import ConnectionFailed, ToolloomError, UsageError
from tasks.transport.guard import (
    AddressBlocked,
    GuardedResolver,
    literal_address,
    matches_any,
    refuse_literal,
    refuse_unseen,
)
from tasks.transport.proxies import Proxies, shown
from tasks.transport.reading import LONGEST_HEAD, MOST_HEADERS, UnpacksTooLarge, lenient_heads, unpacked

# So many requests may go at once after a pause; then one every 1/rps seconds.
_BURST = 3


class RateLimiter:
    """Spaces requests to each host; used in one event loop.  rps_of: what differs from host to host."""

    def __init__(self, per_host_rps: float, rps_of: Callable[[str], float] | None = None) -> None:
        self._rps_of = rps_of or (lambda _: per_host_rps)
        self._intervals_s: dict[str, float] = {}
        self._due: dict[str, float] = {}

    async def wait(self, host: str) -> None:
        """Waits for the next free moment of `host`; moments are given in order of asking."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        interval_s = self._intervals_s.get(host)
        if interval_s is None:
            interval_s = self._intervals_s[host] = 1 / self._rps_of(host)
        due = max(self._due.get(host, now), now)
        self._due[host] = due + interval_s
        pause = due - (_BURST - 1) * interval_s - now
        if pause > 0:
            await asyncio.sleep(pause)


_MAX_REDIRECTS = 5
_OWN_NAMES_S = 2.0  # for a name that a proxy will resolve
_CONNECT_S = 5.0  # a host that takes longer to take a connection is not there
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OWN_HEADERS = {
    "User-Agent": "toolloom/0.1",
    "Accept": "application/json, text/plain;q=0.9, */*;q=0.5",
    "Accept-Encoding": "gzip, deflate",
}
# What may follow a redirect to another host; anything else might be a credential.
_HARMLESS_HEADERS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
_BODY_HEADERS = frozenset({"content-type", "content-length", "content-encoding"})


class DeadlinePassed(ConnectionFailed):
    """The whole exchange, redirects included, took longer than allowed."""


class Unreachable(ConnectionFailed):
    """Nothing that serves HTTP was reached: no such name, a refused or an unanswered connection."""


class BodyTooLarge(ToolloomError):
    """The body, decompressed, is larger than allowed; `status` came with it."""

    def __init__(self, message: str, *, status: int, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.status = status


@dataclass(frozen=True, repr=False)
class HttpRequest:
    """A request ready to send.  url: percent-encoded.  It and the headers may hold credentials."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url.partition('?')[0]})"


@dataclass(frozen=True)
class HttpResponse:
    """What came back.  headers: names in lower case.  latency_ms: without waiting for our own limits."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_ms: float = field(default=0.0, compare=False)


class HttpClient:
    """Sends requests.  Made anywhere, used and closed in one event loop; an async context manager.

    timeout_s: total deadline of a request.  max_bytes: largest body, decompressed.  concurrency: requests
    in flight.  per_host_rps: requests per second to one host.  resolve: host glob to the base URL that
    really serves it.  allow_hosts: host globs that may have private addresses.  timeout_of, rps_of: what
    differs from host to host, in the place of timeout_s and per_host_rps.  names: makes what looks up host
    names.  proxies: what leads to hosts that `resolve` does not name; None: nothing.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        max_bytes: int,
        concurrency: int,
        per_host_rps: float,
        resolve: Mapping[str, str],
        allow_hosts: Sequence[str],
        timeout_of: Callable[[str], float] | None = None,
        rps_of: Callable[[str], float] | None = None,
        names: Callable[[], AbstractResolver] = aiohttp.DefaultResolver,
        proxies: Proxies | None = None,
    ) -> None:
        self._proxies = proxies
        self._judged: dict[str, AddressBlocked | None] = {}
        self._timeout_of = timeout_of or (lambda _: timeout_s)
        self._max_bytes = max_bytes
        self._in_flight = asyncio.Semaphore(concurrency)
        self._limiter = RateLimiter(per_host_rps, rps_of)
        self._bases = {glob: _base_url(glob, base) for glob, base in resolve.items()}
        self._allow_hosts = tuple(allow_hosts)
        self._names = names
        self._sessions: _Sessions | None = None

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes all connections; may be called more than once."""
        sessions, self._sessions = self._sessions, None
        if sessions is not None:
            await sessions.close()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The response, after at most five redirects: one more is returned as it came.

        Raises `DeadlinePassed`, `BodyTooLarge`, `AddressBlocked`, `Unreachable`, or `ConnectionFailed`
        (reset, cut short, not HTTP).  The texts of errors name the host, never the whole URL.
        """
        timeout_s = self._timeout_of(_parsed(request.url).host or "")
        response = await self._send_once(request, timeout_s, timeout_s)
        spent_ms = response.latency_ms
        for _ in range(_MAX_REDIRECTS):
            following = _redirected(request, response)
            if following is None:
                break
            request = following
            response = await self._send_once(request, timeout_s - spent_ms / 1000, timeout_s)
            spent_ms += response.latency_ms
        return replace(response, latency_ms=spent_ms)

    async def _send_once(self, request: HttpRequest, left_s: float, timeout_s: float) -> HttpResponse:
        url = _parsed(request.url)
        host = url.host or ""
        await self._limiter.wait(host)
        async with self._in_flight:
            started = time.perf_counter()
            try:
                async with asyncio.timeout(left_s):
                    response = await self._exchange(request, url)
            except aiohttp.ConnectionTimeoutError:
                raise Unreachable(f"{host}: no connection within {_CONNECT_S:g} s") from None
            except TimeoutError as error:
                raise DeadlinePassed(f"{host} did not finish within {timeout_s:g} s") from error
            except (aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError) as error:
                raise self._proxy_failure(url, getattr(error, "status", None)) from None
            except aiohttp.ClientConnectorError as error:
                raise Unreachable(f"{host}: {_why(error)}") from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                # ValueError: what is no address or header at all.  Its text, and aiohttp's, may hold the URL.
                raise ConnectionFailed(f"{host}: {type(error).__name__}") from None
            return replace(response, latency_ms=(time.perf_counter() - started) * 1000)

    async def _exchange(self, request: HttpRequest, url: URL) -> HttpResponse:
        self._sessions = self._sessions or _Sessions(self._allow_hosts, self._names)
        headers = CIMultiDict(_OWN_HEADERS)
        headers.update(request.headers)
        base = self._base_for(url)
        proxy = None if base is not None else self._proxy_for(url)
        if proxy is not None:
            await self._judge(url.host or "", self._sessions.names)
            session = self._sessions.trusted
        elif base is None:
            refuse_literal(url.host or "", self._allow_hosts)
            session = self._sessions.guarded
        else:
            headers["Host"] = url.host_port_subcomponent or ""
            url = URL(f"{base}{url.raw_path_qs}", encoded=True)
            session = self._sessions.trusted
        async with session.request(
            request.method, url, headers=headers, data=request.body, allow_redirects=False, proxy=proxy
        ) as response:
            if proxy is not None and response.status == 407:
                raise self._proxy_failure(url, 407)
            packed = await self._read(response, request)
            names = {name.lower(): value for name, value in response.headers.items()}
            encodings = ",".join(response.headers.getall("Content-Encoding", ()))
            try:
                body = unpacked(packed, encodings, names.get("content-type", ""), self._max_bytes)
            except UnpacksTooLarge:
                raise self._too_large(request, response.status) from None
            except ConnectionFailed as error:
                raise ConnectionFailed(f"{_parsed(request.url).host}: {error.message}") from None
            return HttpResponse(response.status, names, body)

    def _proxy_for(self, url: URL) -> str | None:
        return None if self._proxies is None else self._proxies.of(url.scheme, url.host or "", url.port)

    async def _judge(self, host: str, names: AbstractResolver) -> None:
        """Raises `AddressBlocked` for a host that a proxy must not be asked for.

        The proxy resolves the name, and may do so otherwise; what we see of it must be public all the same.
        """
        if host not in self._judged:
            self._judged[host] = await _judgement(host, self._allow_hosts, names)
        blocked = self._judged[host]
        if blocked is not None:
            raise AddressBlocked(blocked.message, fix=blocked.fix)

    def _proxy_failure(self, url: URL, status: int | None) -> ConnectionFailed:
        what = "cannot be reached" if status is None else f"refused the connection ({status})"
        return ConnectionFailed(
            f"{url.host}: the proxy {shown(self._proxy_for(url) or '')} {what}",
            fix="correct HTTP_PROXY and HTTPS_PROXY, or `[calling] proxy`",
        )

    def _base_for(self, url: URL) -> str | None:
        return next((base for glob, base in self._bases.items() if matches_any(url.host or "", [glob])), None)

    async def _read(self, response: aiohttp.ClientResponse, request: HttpRequest) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                response.close()
                raise self._too_large(request, response.status)
        return bytes(body)

    def _too_large(self, request: HttpRequest, status: int) -> BodyTooLarge:
        return BodyTooLarge(
            f"{_parsed(request.url).host} sent more than {self._max_bytes} bytes",
            status=status,
            fix="raise [calling] max_bytes when such answers are wanted",
        )


class _Sessions:
    """Connections to hosts at large, and to where `resolve` sends us: only the latter may be private.

    The latter also lead to proxies.  No cookies: an answer depends on its request alone.
    """

    def __init__(self, allow_hosts: Sequence[str], names: Callable[[], AbstractResolver]) -> None:
        self.names = names()
        self.guarded = _session(GuardedResolver(names(), allow_hosts))
        self.trusted = _session(self.names)

    async def close(self) -> None:
        await self.guarded.close()
        await self.trusted.close()


def _session(resolver: AbstractResolver) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, resolver=resolver)
    lenient_heads(connector)
    return aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,  # `unpacked` does, within `max_bytes` and whatever the header says
        max_line_size=LONGEST_HEAD,
        max_field_size=LONGEST_HEAD,
        max_headers=MOST_HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
        trust_env=False,
    )


async def _judgement(host: str, allow_hosts: Sequence[str], names: AbstractResolver) -> AddressBlocked | None:
    try:
        refuse_unseen(host, allow_hosts)
        if literal_address(host) is None:
            async with asyncio.timeout(_OWN_NAMES_S):
                await GuardedResolver(names, allow_hosts).resolve(host, 0, socket.AF_UNSPEC)
    except AddressBlocked as blocked:
        return blocked
    except (OSError, TimeoutError):
        pass  # where only a proxy leads out, it alone knows the names outside
    return None


def _why(error: aiohttp.ClientConnectorError) -> str:
    """The cause in words, without addresses and ports."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be looked up"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no TLS connection"
    number = error.os_error.errno
    if not number and isinstance(error.os_error, ConnectionError):  # within the handshake of TLS
        return "it closed the connection"
    return os.strerror(number).lower() if number else type(error).__name__


def _base_url(glob: str, base: str) -> str:
    if not base.startswith(("http://", "https://")):
        raise UsageError(
            f'[calling] resolve: "{glob}" leads to "{base}", which is no URL',
            fix=f'write "{glob}" = "http://HOST:PORT"',
        )
    return base.rstrip("/")


def _parsed(url: str) -> URL:
    try:
        # Percent-encoding is the builder's business: doing it again would change what a path means.
        parsed = URL(url, encoded=url.isascii())
        callable_at_all = parsed.scheme in ("http", "https") and parsed.host and parsed.port
    except ValueError:
        raise ConnectionFailed("the request's URL cannot be read") from None
    if not callable_at_all:
        raise ConnectionFailed(
            f"{parsed.scheme or 'a URL without scheme'}: only http and https can be called"
        )
    return parsed


def _redirected(request: HttpRequest, response: HttpResponse) -> HttpRequest | None:
    """The request a redirect asks for; None when the response is none."""
    location = response.headers.get("location")
    if response.status not in _REDIRECTS or not location:
        return None
    before = _parsed(request.url)
    try:
        target = before.join(URL(location))
        same_party = _same_party(before, target)
    except ValueError:  # what is no address at all, or no host's name: `http://[::1`, `http://xn--/`
        return None
    headers = request.headers
    if not same_party:
        headers = tuple(header for header in headers if header[0].lower() in _HARMLESS_HEADERS)
    if _keeps_method(response.status, request.method):
        return replace(request, url=str(target), headers=headers)
    without_body = tuple(header for header in headers if header[0].lower() not in _BODY_HEADERS)
    return HttpRequest("GET", str(target), without_body)


def _keeps_method(status: int, method: str) -> bool:
    if method in ("GET", "HEAD") or status in (307, 308):
        return True
    return status in (301, 302) and method != "POST"


def _same_party(before: URL, after: URL) -> bool:
    """The same host and port, or the same host made safer."""
    if before.host != after.host:
        return False
    upgraded = (before.scheme, before.port, after.scheme, after.port) == ("http", 80, "https", 443)
    return upgraded or (before.scheme, before.port) == (after.scheme, after.port)
