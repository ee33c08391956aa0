"""Arguments as fields of a query or a form: how arrays, objects and whole forms are written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tasks.shaping.shorten import json_text

Fields = list[tuple[str, str]]

_DELIMITERS = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}


def fields_of(name: str, value: Any, style: str | None = None) -> Fields:
    """The fields of one argument.

    Without a style an array is one field per element, and an object is JSON text.  csv, ssv, tsv, pipes:
    elements (of an object: keys and values) in one field; json: JSON text; exploded: a field per key of an
    object; deepObject: likewise, named `name[key]`.
    """
    if style == "json":
        return [(name, json_text(value))]
    if style in _DELIMITERS and isinstance(value, (list, tuple, dict)):
        return [(name, _DELIMITERS[style].join(map(text_of, _in_a_row(value))))]
    if style == "exploded" and isinstance(value, dict):
        return [field for key, inner in value.items() for field in fields_of(key, inner)]
    if style == "deepObject" and isinstance(value, dict):
        return [field for key, inner in value.items() for field in fields_of(f"{name}[{key}]", inner, style)]
    elements = value if isinstance(value, (list, tuple)) else [value]
    return [(name, text_of(element)) for element in elements]


def joined(value: Any) -> str:
    """A value as one text; elements of an array divided by commas."""
    return ",".join(map(text_of, value)) if isinstance(value, (list, tuple)) else text_of(value)


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def encoded(text: str) -> str:
    """Percent-encoded, so that it stays one value wherever it stands in a URL or a form."""
    return quote(text, safe="", errors="replace")


def urlencoded(fields: Fields) -> str:
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in fields)


def multipart(fields: Fields) -> tuple[str, bytes]:
    """Content type and body of a form in parts; the same fields give the same bytes."""
    said = json_text(fields).encode(errors="replace")
    boundary = f"toolloom-{hashlib.blake2b(said, digest_size=12).hexdigest()}"
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quotable(name)}"\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    body = f"{parts}--{boundary}--\r\n".encode(errors="replace")
    return f"multipart/form-data; boundary={boundary}", body


def _in_a_row(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for pair in value.items():
            yield from pair
    else:
        yield from value


def _quotable(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
