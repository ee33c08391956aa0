"""Which of the configured keys an operation wants, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.catalogue.openapi.document import Document, Operation
from tasks.catalogue.openapi.refs import References
from tasks.catalogue.openapi.spots import Spot
from tasks.errors import BadRow

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


def _scheme(spot: Spot, references: References) -> Scheme | None:
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
