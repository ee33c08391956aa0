"""How arrays and objects are written outside a JSON body (`style` and `explode`; 2.0: collectionFormat).

What a request does by itself has no name here: repeated fields in a query, commas in a path or header.
`tasks.calling.request` knows the names.
"""

from __future__ import annotations

from tasks.catalogue.openapi.spots import Spot
from tasks.catalogue.source import CrawlReason

_SWAGGER = {"": "csv", "csv": "csv", "ssv": "ssv", "tsv": "tsv", "pipes": "pipes"}
_DELIMITED = {"form": "csv", "spaceDelimited": "ssv", "pipeDelimited": "pipes"}


def style_of(spot: Spot, location: str, kind: str, *, is_swagger: bool) -> str | None:
    """The style of a parameter of type `kind`; None for the usual one of its place.

    Raises `BadRow` (unsupported_parameter) for a style of paths that no request is made in.
    """
    if is_swagger and spot.get("schema") is None:  # with one it is written as in 3.0, in whatever version
        repeats = location in {"query", "formdata"}
        return _SWAGGER.get(spot.text("collectionFormat")) if kind == "array" and repeats else None
    if spot.get("content") is not None:
        return "json" if kind == "array" else None
    style = spot.text("style")
    if location == "path" and style in {"label", "matrix"}:
        raise spot.bad(CrawlReason.UNSUPPORTED_PARAMETER, f"paths are not written in the style {style!r}")
    explode = spot.value.get("explode")
    return _of_query(style or "form", kind, explode=explode) if location == "query" else None


def style_of_field(encoding: Spot | None, kind: str) -> str | None:
    """The style of a field of a form, as the `encoding` of its media type says."""
    if (
        encoding is None
        or not isinstance(encoding.value, dict)
        or not {"style", "explode"} & encoding.value.keys()
    ):
        return None
    return _of_query(encoding.text("style") or "form", kind, explode=encoding.value.get("explode"))


def _of_query(style: str, kind: str, *, explode: object) -> str | None:
    """explode: as the document says, anything but a boolean or its name when it does not."""
    said = str(explode).strip().lower()
    exploded = said == "true" if said in {"true", "false"} else style == "form"
    if kind == "array":
        return None if exploded else _DELIMITED.get(style)
    if kind == "object":
        if style == "deepObject":
            return style
        return "exploded" if exploded else _DELIMITED.get(style)
    return None
