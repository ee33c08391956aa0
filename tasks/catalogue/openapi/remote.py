"""Documents read over HTTP: one that the location names, and what it refers to on the same host."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from tasks.calling.params import CallingParams
from tasks.calling.verdict import is_page
from tasks.catalogue.openapi.files import EXPECTED, Elsewhere, Files
from tasks.catalogue.openapi.parsing import MAX_BYTES
from tasks.catalogue.params import CatalogueParams, OpenApiParams, secret_headers
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow, ConnectionFailed, RateLimited, ServerFailed, Transient, UsageError
from tasks.transport.client import BodyTooLarge, HttpClient, HttpRequest, HttpResponse
from tasks.transport.guard import AddressBlocked
from tasks.transport.proxies import Proxies
from tasks.transport.redactor import NO_SECRETS, Redactor
from tasks.transport.retry import Backoff, retry_after, retrying_in_thread
from tasks.transport.runtime import Runtime

TRIES = 4
FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_PER_SECOND = 20.0
_BEGINNING = 2000  # bytes by which a web page is told
_URL = re.compile(r"https?://", re.IGNORECASE)
_HEADERS = (
    ("Accept", "application/json, application/yaml, text/yaml;q=0.9, */*;q=0.5"),
    ("User-Agent", "toolloom-crawler"),
)


def is_url(location: str) -> bool:
    return _URL.match(location) is not None


class RemoteFiles:
    """The document at a URL and the files beside it.

    Redirects lead to public hosts, to those of `[calling] resolve` and `allow_hosts`, or to where the
    location itself is.
    """

    explicit = True

    def __init__(
        self,
        source: OpenApiParams,
        params: CatalogueParams,
        calling: CallingParams,
        redactor: Redactor = NO_SECRETS,
    ) -> None:
        host = _host(source.location)
        self._redactor = redactor
        self._location = source.location
        # Redirects to another host, or to another port, do not take them along.
        self._headers = (*_HEADERS, *source.headers.items(), *secret_headers(source).items())
        self._has_key = bool(source.header_keys)
        self._client = HttpClient(
            timeout_s=params.timeout_s,
            max_bytes=MAX_BYTES,
            concurrency=params.concurrency,
            per_host_rps=_PER_SECOND,
            resolve=calling.resolve,
            allow_hosts=(*calling.allow_hosts, host),
            proxies=Proxies(calling.proxy),
        )
        self._runtime: Runtime | None = None
        self._retrying = retrying_in_thread(Backoff(FIRST_WAIT_S, _LONGEST_WAIT_S), attempts=TRIES)

    def places(self) -> tuple[str, ...]:
        return (self._location,)

    def read(self, place: str) -> bytes:
        """Raises `Transient` when every try to read the location failed for a reason that may pass."""
        try:
            return self._retrying(self._read, place)
        except Transient as failure:
            if place != self._location:
                raise BadRow(CrawlReason.UNAVAILABLE, failure.message) from failure
            if isinstance(failure, ConnectionFailed):
                failure.fix = (
                    f"check `location = {self._location!r}` in `[[catalogue.sources]]`, `[calling] resolve` "
                    "and the network"
                )
            raise

    def join(self, place: str, reference: str) -> str:
        url = ""
        try:
            url = urljoin(place, reference)
            same = _origin(url) == _origin(self._location)
        except ValueError:
            same = False
        if not same:
            kind = Elsewhere if url.lower().startswith(("http://", "https://")) else BadRow
            raise kind(CrawlReason.BROKEN_REFERENCE, f"{reference} is on another host, which is not asked")
        return url

    def url_of(self, place: str) -> str | None:
        return place

    def close(self) -> None:
        if self._runtime is not None:
            self._runtime.run(self._client.close())
            self._runtime.close()
            self._runtime = None

    def _read(self, url: str) -> bytes:
        self._runtime = self._runtime or Runtime()
        try:
            response = self._runtime.run(self._client.send(HttpRequest("GET", url, self._headers)))
        except BodyTooLarge as error:
            raise BadRow(CrawlReason.TOO_LARGE, f"it is larger than {MAX_BYTES:,} bytes") from error
        except AddressBlocked as error:
            raise BadRow(
                CrawlReason.REFUSED, f"it redirects to where nothing is read: {error.message}"
            ) from error
        self._check_access(response)
        _check_status(url, response)
        return self._redactor.redact_bytes(response.body)

    def _check_access(self, response: HttpResponse) -> None:
        """Raises `BadRow` where somebody who is known would be answered otherwise."""
        page = is_page(response.body[:_BEGINNING].decode("utf-8", "replace"))
        if response.status not in {401, 403, 407} and not (page and response.status == 200):
            return
        said = "a web page, as a login would be" if response.status == 200 else str(response.status)
        fix = (
            "look whether the keys in `header_keys` are those it wants"
            if self._has_key
            else "documents behind a key need `header_keys` in this source, a header and the name of the "
            "environment variable that holds its value"
        )
        raise BadRow(CrawlReason.REFUSED, f"it answered {said}; {fix}")


class WithReferences:
    """The files of a source, and what they refer to at the hosts of `reference_hosts`, which are asked.

    They get neither the headers nor the keys of the source.
    """

    def __init__(
        self, inner: Files, source: OpenApiParams, params: CatalogueParams, calling: CallingParams
    ) -> None:
        hosts = source.reference_hosts
        self.explicit = inner.explicit
        self._inner = inner
        self._hosts = frozenset(host.lower() for host in hosts)
        self._far: set[str] = set()
        bare = {"location": f"https://{hosts[0]}/", "headers": {}, "header_keys": {}}
        allowed = {"allow_hosts": (*calling.allow_hosts, *hosts)}
        self._asked = RemoteFiles(source.model_copy(update=bare), params, calling.model_copy(update=allowed))

    def places(self) -> tuple[str, ...]:
        return self._inner.places()

    def read(self, place: str) -> bytes:
        return self._asked.read(place) if place in self._far else self._inner.read(place)

    def join(self, place: str, reference: str) -> str:
        url = urljoin(place, reference) if place in self._far else reference
        if place not in self._far:
            try:
                return self._inner.join(place, reference)
            except Elsewhere:
                url = f"https:{reference}" if reference.startswith("//") else reference
        if not is_url(url) or (urlsplit(url).hostname or "").lower() not in self._hosts:
            raise Elsewhere(
                CrawlReason.BROKEN_REFERENCE,
                f"{reference} is on another host, which is not asked: it is not among `reference_hosts`",
            )
        self._far.add(url)
        return url

    def url_of(self, place: str) -> str | None:
        return self._inner.url_of(place)

    def close(self) -> None:
        self._asked.close()
        self._inner.close()


def _host(location: str) -> str:
    try:
        parts = urlsplit(location)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is no number, a broken IPv6 address
        host, port = None, None
    if not host or port == 0 or parts.fragment:
        raise UsageError(
            f"`location = {location!r}` of an openapi source is no URL of a document", fix=EXPECTED
        )
    return host


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _check_status(url: str, response: HttpResponse) -> None:
    status = response.status
    if status in {429, 503}:
        raise RateLimited(
            f"{url} answered {status}",
            retry_after=retry_after(response.headers),
            fix="crawl again later",
        )
    if status >= 500:
        raise ServerFailed(f"{url} answered {status}", fix="the server fails on its own; crawl again later")
    if status in {404, 410}:
        raise BadRow(CrawlReason.NOT_FOUND, f"it answered {status}")
    if status != 200:
        raise BadRow(CrawlReason.REFUSED, f"it answered {status}")
