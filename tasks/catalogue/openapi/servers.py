"""At which address an operation is called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from tasks.catalogue.openapi.document import Document, Operation
from tasks.catalogue.openapi.location import JsonLocation
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow

_VARIABLE = re.compile(r"{([^{}]*)}")
_SCHEMES = ("https", "http")  # the first is taken where a document offers both


class Servers:
    """The addresses of a document.

    base_url: replaces every absolute address; relative ones are relative to it.  document_url: what they
    are relative to otherwise, None where the document lies on this machine.
    """

    def __init__(self, document: Document, *, base_url: str | None, document_url: str | None) -> None:
        self._document = document
        self._base_url = base_url
        self._document_url = document_url

    def address(self, operation: Operation | None = None) -> str:
        """The URL that paths are appended to.  Raises `BadRow` (no_server)."""
        if self._document.is_swagger:
            return self._usable(self._swagger_address(operation), self._document.root)
        faults: list[BadRow] = []
        for spot, url in self._candidates(operation):
            try:
                return self._usable(url, spot)
            except BadRow as fault:
                faults.append(fault)
        raise faults[0]

    def _candidates(self, operation: Operation | None) -> Iterator[tuple[JsonLocation, str]]:
        """The servers of the operation, else of its path, else of the document, else "/"."""
        levels = (
            [self._document.root]
            if operation is None
            else [operation.spot, operation.item, self._document.root]
        )
        for level in levels:
            servers = level.get("servers")
            given = [] if servers is None else [s for s in servers.elements() if isinstance(s.value, dict)]
            if given:
                yield from ((server, _filled(server)) for server in given)
                return
        yield self._document.root, "/"

    def _swagger_address(self, operation: Operation | None) -> str:
        root = self._document.root
        host, base_path = root.text("host").strip("/"), root.text("basePath").strip("/")
        if not host:
            return f"/{base_path}"
        if "://" in host:
            return f"{host}/{base_path}"
        return f"{self._scheme(operation)}://{host}/{base_path}"

    def _scheme(self, operation: Operation | None) -> str:
        levels = [self._document.root] if operation is None else [operation.spot, self._document.root]
        for level in levels:
            schemes = level.get("schemes")
            if schemes is not None and isinstance(schemes.value, list) and schemes.value:
                usable = [scheme for scheme in _SCHEMES if scheme in schemes.value]
                return usable[0] if usable else str(schemes.value[0])
        return urlsplit(self._document_url or "https:").scheme

    def _usable(self, url: str, spot: JsonLocation) -> str:
        try:
            absolute = self._absolute(url)
            fault = _fault_of(absolute)
        except ValueError:  # a port that is no number, a broken IPv6 address
            absolute, fault = url, "is no address"
        if fault is not None:
            shown = "" if "@" in absolute else f" {absolute[:200]!r}"  # what precedes an @ may be a password
            raise spot.bad(
                CrawlReason.NO_SERVER,
                f"the server address{shown} {fault}: set `base_url` in [[catalogue.sources]]",
            )
        return absolute.rstrip("/")

    def _absolute(self, url: str) -> str:
        if urlsplit(url).scheme:
            return self._base_url or url
        base = self._base_url or self._document_url
        if base is None:
            return url
        if url in {"", "/"} and self._base_url is not None:
            return self._base_url
        return urljoin(base if self._base_url is None else f"{base.rstrip('/')}/", url)


def _filled(server: JsonLocation) -> str:
    """The URL with the defaults of its variables; what has none stays a placeholder."""

    def value(placeholder: re.Match[str]) -> str:
        variable = server.at("variables", placeholder[1])
        if variable is None or not isinstance(variable.value, dict):
            return placeholder[0]
        default, allowed = variable.value.get("default"), variable.value.get("enum")
        choices = allowed if isinstance(allowed, list) and allowed else [default]
        chosen = default if default in choices and default is not None else choices[0]
        return placeholder[0] if chosen is None else str(chosen)

    return _VARIABLE.sub(value, server.text("url"))


def _fault_of(url: str) -> str | None:
    """Why nothing can be called there; None when something can."""
    parts = urlsplit(url)
    if "{" in url or "}" in url:
        return "has a placeholder without a default"
    if not parts.scheme:
        return "is relative to nothing"
    if parts.scheme not in _SCHEMES:
        return "is neither http nor https"
    if not parts.hostname or parts.port == 0:
        return "names no host"
    if parts.username is not None or parts.query or parts.fragment or any(map(str.isspace, url)):
        return "holds credentials, a query, a fragment or a blank"
    return None
