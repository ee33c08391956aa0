"""From a document to a tool's documentation, in the form that all sources share: at
which address its operations are called, and which keys it wants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from tasks.catalogue.openapi.bodies import BodyReader, response_of
from tasks.catalogue.openapi.document import Document, Operation
from tasks.catalogue.openapi.location import JsonLocation, capped, one_line
from tasks.catalogue.openapi.parameters import Given, ParameterReader, given_parameters
from tasks.catalogue.openapi.refs import References
from tasks.catalogue.openapi.schemas import Schemas
from tasks.catalogue.params import OpenApiParams
from tasks.catalogue.source import CrawlReason, UnusableApi
from tasks.errors import BadRow
from tasks.exact_json import Json

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


# "{+name}" and "{name*}" of URI templates fill like "{name}".
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
_TEMPLATE = re.compile(r"{[+#./;]?([^{}*]+)\*?}")


def tool_detail(
    document: Document, references: References, params: OpenApiParams, *, document_url: str | None
) -> Json:
    """The tool that a document is.  document_url: where it was read, None for this machine.

    Raises `BadRow` (no_server) when nothing says where any of its operations is called.
    """
    servers = Servers(document, base_url=params.base_url, document_url=document_url)
    reader = _ApiReader(document, references, servers)
    return {
        "id": document.place,
        "category": document.category(params),
        "name": document.title,
        "description": capped(document.description),
        "host": reader.host(),
        "provider": one_line(document.info.text("x-providerName")) or None,
        "licence": _licence(document),
        "collections": list(document.collections(params)),
        "apis": [reader.api(name, operation) for name, operation in document.named(params)],
    }


def _licence(document: Document) -> str | None:
    licence = document.info.get("license")
    return None if licence is None else one_line(licence.text("name") or licence.text("identifier")) or None


class _ApiReader:
    def __init__(self, document: Document, references: References, servers: Servers) -> None:
        schemas = Schemas(references)
        self._document = document
        self._references = references
        self._servers = servers
        self._schemas = schemas
        self._security = Security(document, references)
        self._parameters = ParameterReader(schemas, references, is_swagger=document.is_swagger)
        self._bodies = BodyReader(document, schemas, references, self._parameters)

    def host(self) -> str:
        """The document's address, else that of its first operation that has one."""
        faults: list[BadRow] = []
        for operation in (None, *self._document.operations):
            try:
                return self._servers.address(operation)
            except BadRow as fault:
                faults.append(fault)
        raise faults[0]

    def api(self, name: str, operation: Operation) -> Json | UnusableApi:
        """The API that an operation is, or why it is none."""
        try:
            if operation.fault is not None:
                raise operation.fault
            return self._api(name, operation)
        except BadRow as fault:
            return UnusableApi(
                name=name,
                place=operation.place,
                reason=CrawlReason(fault.reason),
                detail=fault.message,
            )

    def _api(self, name: str, operation: Operation) -> Json:
        left_out = self._schemas.left_out
        left_out.clear()
        given = given_parameters(operation, self._references, left_out)
        path, query = _address(operation.path)
        security = self._security.of(operation) or _authorization(given)
        schema, example = response_of(operation.spot, self._schemas, self._references)
        api = {
            "name": name,
            "description": _description(name, operation),
            "method": operation.method,
            "path": path,
            "host": self._servers.address(operation),
            "parameters": self._parameters.outside_body(path, query, given, _credentials(security)),
            "body": self._bodies.body(operation, given),
            "security": security,
            "code_snippets": _code_samples(operation),
            "response_schema": schema,
            "example_response": example,
            "place": str(operation.spot),
        }
        return api | {"left_out": list(dict.fromkeys(left_out))}


def _address(path: str) -> tuple[str, str]:
    """Path and query; a fragment only tells operations of one path apart."""
    plain, _, query = path.partition("#")[0].partition("?")
    return _TEMPLATE.sub(r"{\1}", plain if plain.startswith("/") else f"/{plain}"), query


def _description(name: str, operation: Operation) -> str:
    """Summary and description, each once, and neither where it is the name.

    A summary beside a description goes, too, where the name begins with its words: frameworks make both of
    the name of a function (FastAPI: `get_pet_pets__id__get`, "Get Pet").
    """
    said = [operation.spot.text("summary"), operation.spot.text("description")]
    texts = [text for text in said if text and one_line(text) != name]
    if len(texts) == 2 and (texts[0].rstrip(".") in texts[1] or _is_said_by(name, texts[0])):
        texts = texts[1:]
    return capped("\n\n".join(texts))


def _is_said_by(name: str, summary: str) -> bool:
    words = _words(summary)
    return bool(words) and _words(name).startswith(words)


def _words(text: str) -> str:
    """The words of a name or a text, each followed by a space."""
    apart = _HUMP.sub(" ", text)
    return "".join(f"{word.lower()} " for word in _WORD.findall(apart))


def _authorization(given: list[Given]) -> list[Scheme]:
    """A header `Authorization` listed as a parameter is a key, sent as it is."""
    listed = any((p.location, p.name.lower()) == ("header", AUTHORIZATION) for p in given)
    return [{"kind": "api_key", "location": "header", "name": "Authorization"}] if listed else []


def _credentials(security: list[Scheme]) -> set[tuple[str, str]]:
    return {(scheme["location"], scheme["name"].lower()) for scheme in security if "name" in scheme}


def _code_samples(operation: Operation) -> dict[str, Any]:
    samples = operation.spot.get("x-codeSamples") or operation.spot.get("x-code-samples")
    elements = [] if samples is None else list(samples.elements())
    return {
        sample.text("lang").lower(): capped(sample.text("source"))
        for sample in elements
        if sample.text("lang")
    }


Scheme = dict[str, Any]

AUTHORIZATION = "authorization"


class Security:
    """The security schemes of a document, as far as a configured key can answer them."""

    def __init__(self, document: Document, references: References) -> None:
        self._root = document.root
        place = ("securityDefinitions",) if document.is_swagger else ("components", "securitySchemes")
        declared = document.root.at(*place) or document.root.with_value({})
        self._schemes: Mapping[str, Scheme | None] = {
            name: _scheme(spot, references) for name, spot in declared.fields()
        }

    def of(self, operation: Operation) -> list[Scheme]:
        """The schemes of the first requirement that keys can meet; none where none is needed.

        An operation whose requirements no key can meet (a cookie, a client certificate) keeps none: it is
        the API's to refuse.
        """
        wanted = operation.spot.get("security") or self._root.get("security")
        requirements = [] if wanted is None else [said.value for said in wanted.elements()]
        if {} in requirements:
            return []
        met = (self._met(requirement) for requirement in requirements if isinstance(requirement, dict))
        return next((schemes for schemes in met if schemes is not None), [])

    def _met(self, requirement: Mapping[str, Any]) -> list[Scheme] | None:
        """The schemes of a requirement, each once; None when a key cannot meet all of them."""
        found: list[Scheme] = []
        for name in requirement:
            scheme = self._schemes.get(name)
            if scheme is None:
                return None
            if scheme not in found:
                found.append(scheme)
        return found


def _scheme(spot: JsonLocation, references: References) -> Scheme | None:
    """A scheme in the form of a tool's documentation; None for those no key can answer."""
    try:
        said = references.follow(spot)
    except BadRow:
        return None
    kind, scheme = said.text("type").lower(), said.text("scheme").lower()
    if kind == "apikey":
        location, name = said.text("in").lower(), said.text("name")
        known = location in {"header", "query"} and name
        return {"kind": "api_key", "location": location, "name": name} if known else None
    if kind == "basic" or (kind, scheme) == ("http", "basic"):
        return {"kind": "basic"}
    if kind in {"oauth2", "openidconnect"} or (kind, scheme) == ("http", "bearer"):
        return {"kind": "bearer"}
    return None
