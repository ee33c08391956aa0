"""JSON over HTTP for reading catalogues: sessions, deadlines, a pace, retries, named failures."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import requests
import urllib3
from requests.adapters import HTTPAdapter

from tasks import exact_json
from tasks.catalogue.crawl_state import HostLimiter
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow, ConnectionFailed, RateLimited, ServerFailed, ToolloomError
from tasks.transport.guard import AddressBlocked, forbidden_kind, matches_any, refuse_unseen
from tasks.transport.proxies import NONE, Proxies
from tasks.transport.reading import UnpacksTooLarge, decoded, unpacked
from tasks.transport.redactor import NO_SECRETS, Redactor
from tasks.transport.retry import Backoff, retry_after, retrying_in_thread

TRIES = 4
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
MAX_BYTES = 64_000_000

_CHUNK = 65_536
_HEADERS = {"Accept": "application/json", "User-Agent": "toolloom-crawler"}


class _MappedHosts(HTTPAdapter):
    """Connects to where `resolve` says a host is really served; the Host header stays the host's own."""

    def __init__(self, resolve: Mapping[str, str], proxies: Proxies, *, connections: int) -> None:
        self._resolve = dict(resolve)
        self._proxies = proxies
        super().__init__(pool_connections=connections, pool_maxsize=connections)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        base = next(
            (b for glob, b in self._resolve.items() if matches_any(parts.hostname or "", [glob])), None
        )
        if base is None:
            proxy = self._proxies.of(parts.scheme, parts.hostname or "", parts.port)
            through = {} if proxy is None else {parts.scheme: proxy}
            return super().send(request, *args, **(kwargs | {"proxies": through}))
        target = urlsplit(base)
        mapped = request.copy()
        mapped.url = urlunsplit(parts._replace(scheme=target.scheme, netloc=target.netloc))
        mapped.headers["Host"] = parts.netloc
        # A mapped host is on this machine or beside it, never behind the environment's proxy.
        response = super().send(mapped, *args, **(kwargs | {"proxies": {}}))
        response.request, response.url = request, request.url or ""
        return response


class _Session(requests.Session):
    """Follows a redirect to another host only to a public or mapped one, and without the hub's keys."""

    def __init__(
        self, resolve: Mapping[str, str], secret_headers: Mapping[str, str], proxies: Proxies
    ) -> None:
        super().__init__()
        # Of the environment it would also take passwords for hosts; the authorities of a proxy are wanted.
        self.trust_env = False
        self.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self._proxies = proxies
        self._mapped = tuple(resolve)
        self._secret_headers = secret_headers
        self.headers.update(_HEADERS)
        self.max_redirects = 5
        for scheme in ("http://", "https://"):
            self.mount(scheme, _MappedHosts(resolve, proxies, connections=2))

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call] # requests' own
        before, after = urlsplit(response.request.url or ""), urlsplit(prepared_request.url or "")
        if before.hostname == after.hostname and (before.scheme, after.scheme) != ("https", "http"):
            return
        for name in self._secret_headers:
            prepared_request.headers.pop(name, None)
        if not matches_any(after.hostname or "", self._mapped):
            proxied = self._proxies.of(after.scheme, after.hostname or "", after.port) is not None
            _refuse_private(after.hostname or "", proxied=proxied)


def _refuse_private(host: str, *, proxied: bool) -> None:
    """Raises `BadRow` for a host inside our network: only the configuration may send us there."""
    try:
        if proxied:
            refuse_unseen(host, ())
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except AddressBlocked as blocked:
        raise BadRow(CrawlReason.REFUSED, f"it redirects to {blocked.message}") from blocked
    except OSError:
        if not proxied:  # which alone may know the names outside
            raise
        found = []
    for *_, address in found:
        kind = forbidden_kind(str(address[0]))
        if kind is not None:
            raise BadRow(CrawlReason.REFUSED, f"it redirects to {host}, a {kind} address")


class JsonClient:
    """GETs and POSTs JSON.  Thread-safe: each thread has a session, and so its own kept-alive connections.

    timeout_s: for a whole request.  resolve: host globs to the base URLs that really serve them.
    limiter: shared by all who read this source.  secret_headers: sent to the host that is asked; they and
    what `redactor` knows are taken out of what it answers.  first_wait_s: before the second try; each further
    wait is twice as long, unless the server says how long.  proxies: what leads to hosts that `resolve`
    does not name.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        resolve: Mapping[str, str],
        limiter: HostLimiter,
        headers: Mapping[str, str] | None = None,
        secret_headers: Mapping[str, str] | None = None,
        first_wait_s: float = FIRST_WAIT_S,
        proxies: Proxies | None = None,
        redactor: Redactor = NO_SECRETS,
    ) -> None:
        self._proxies = proxies or Proxies(NONE)
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._limiter = limiter
        self._headers = dict(headers or {})
        self._secret_headers = dict(secret_headers or {})
        self._redactor = Redactor([*self._secret_headers.values(), *redactor.secrets])
        self._local = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        self._retrying = retrying_in_thread(Backoff(first_wait_s, LONGEST_WAIT_S), attempts=TRIES)

    def get(self, url: str) -> Any:
        """The JSON value at `url`.

        Raises `Transient` when every try failed for a reason that may pass, and `BadRow` (not_found,
        refused, not_json) when the answer is of no use.
        """
        return self.ask("GET", url)

    def ask(self, method: str, url: str, body: Any = None) -> Any:
        """What the server answers to JSON, as `get` does."""
        try:
            return self._retrying(self._ask_once, method, url, None if body is None else orjson.dumps(body))
        except ToolloomError as error:  # it may quote an address that the server has led us to
            error.message = self._redactor.redact(error.message)
            raise

    def close(self) -> None:
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = _Session(self._resolve, self._secret_headers, self._proxies)
            with self._lock:
                self._sessions.append(session)
            self._local.session = session
        session_of_thread: requests.Session = self._local.session
        return session_of_thread

    def _ask_once(self, method: str, url: str, sent: bytes | None) -> Any:
        headers = {**self._headers, **self._secret_headers}
        if sent is not None:
            headers["Content-Type"] = "application/json"
        try:
            with self._limiter:
                deadline = time.monotonic() + self._timeout_s
                response = self._session().request(
                    method, url, data=sent, headers=headers, timeout=self._timeout_s, stream=True
                )
                with response:
                    body = self._redactor.redact_bytes(_text(response, _read(response, deadline)))
        except requests.TooManyRedirects as error:
            raise BadRow(CrawlReason.REFUSED, f"{url} redirects without end") from error
        except ValueError as error:  # requests' own of this kind, those of the standard library, and of names
            raise BadRow(CrawlReason.REFUSED, f"{url} is, or redirects to, what is no address") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise ConnectionFailed(f"{url} gave no whole answer: {_cause(error)}") from error
        try:
            _check_status(url, response)
        except RateLimited as limited:
            self._limiter.pause(min(limited.retry_after or 0.0, LONGEST_WAIT_S))
            raise
        return _parse(url, response, body)


def _read(response: requests.Response, deadline: float) -> bytes:
    """The body.  `requests` limits the time of each read, not of all: hence the deadline."""
    chunks: list[bytes] = []
    size = 0
    while chunk := response.raw.read1(_CHUNK, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BYTES:
            raise BadRow(CrawlReason.REFUSED, f"{response.url} is larger than {MAX_BYTES:,} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer was still coming at the deadline")
    return b"".join(chunks)


def _text(response: requests.Response, packed: bytes) -> bytes:
    """The body as UTF-8, unpacked; as it came where it is no text."""
    content_type = response.headers.get("Content-Type", "")
    try:
        body = unpacked(packed, response.headers.get("Content-Encoding", ""), content_type, MAX_BYTES)
    except UnpacksTooLarge:
        raise BadRow(CrawlReason.REFUSED, f"{response.url} is larger than {MAX_BYTES:,} bytes") from None
    text = decoded(body, content_type, strict=True)
    return body if text is None else text.encode("utf-8", "surrogateescape")


def _check_status(url: str, response: requests.Response) -> None:
    status = response.status_code
    if status in {429, 503}:
        raise RateLimited(
            f"{url} answered {status}",
            retry_after=retry_after(response.headers),
            fix="lower `[catalogue] concurrency`, or crawl again later",
        )
    if status >= 500:
        raise ServerFailed(f"{url} answered {status}", fix="the server fails on its own; crawl again later")
    if status in {404, 410}:
        raise BadRow(CrawlReason.NOT_FOUND, f"{url} answered {status}")
    if status != 200:
        raise BadRow(CrawlReason.REFUSED, f"{url} answered {status}")


def _parse(url: str, response: requests.Response, body: bytes) -> Any:
    try:
        return exact_json.loads(body)
    except orjson.JSONDecodeError as error:
        kind = response.headers.get("Content-Type", "no content type")
        what = "an HTML page" if body.lstrip()[:1] == b"<" else "something that is not JSON"
        message = f"{url} answered with {what} ({kind}, {len(body):,} bytes): {error}"
        raise BadRow(CrawlReason.NOT_JSON, message) from error


def _cause(error: BaseException) -> str:
    """The innermost reason, without the addresses and object ids of the layers around it."""
    inner = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return f"{type(inner).__name__}: {inner}"
