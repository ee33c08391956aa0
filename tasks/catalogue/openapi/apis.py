"""From a document to a tool's documentation, in the form that all sources share; and which keys it wants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tasks.catalogue.openapi.bodies import BodyReader, response_of
from tasks.catalogue.openapi.document import Document, Operation
from tasks.catalogue.openapi.location import JsonLocation, capped, one_line
from tasks.catalogue.openapi.parameters import Given, ParameterReader, given_parameters
from tasks.catalogue.openapi.refs import References
from tasks.catalogue.openapi.schemas import Schemas
from tasks.catalogue.openapi.servers import Servers
from tasks.catalogue.params import OpenApiParams
from tasks.catalogue.source import CrawlReason, UnusableApi
from tasks.errors import BadRow
from tasks.exact_json import Json

# "{+name}" and "{name*}" of URI templates fill like "{name}".
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
    """Summary and description, each once, and neither where it is the name."""
    said = [operation.spot.text("summary"), operation.spot.text("description")]
    texts = [text for text in said if text and one_line(text) != name]
    if len(texts) == 2 and texts[0].rstrip(".") in texts[1]:
        texts = texts[1:]
    return capped("\n\n".join(texts))


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
