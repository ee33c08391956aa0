"""From the bytes of a file to the JSON value in them: JSON, or YAML 1.2 with the core schema.

Files are foreign: whatever they hold ends in a value within the limits below, or in a `BadRow`.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from tasks import exact_json
from tasks.catalogue.openapi.yaml12 import parse_yaml
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow

MAX_BYTES = 64_000_000

Pairs = list[tuple[str, Any]]


def parse(raw: bytes) -> Any:
    """The value of a JSON or YAML text in UTF-8, UTF-16 or UTF-32; None when there is none.

    Raises `BadRow` (unreadable, too_large), its message saying where in the text.
    """
    if len(raw) > MAX_BYTES:
        raise BadRow(CrawlReason.TOO_LARGE, f"it is larger than {MAX_BYTES:,} bytes")
    text = _decoded(raw)
    if text.lstrip()[:1] not in ("{", "["):
        return parse_yaml(text)
    try:
        return _json(text)
    except orjson.JSONDecodeError as error:
        return _as_yaml_after_all(text, error)


def _decoded(raw: bytes) -> str:
    encoding = json.detect_encoding(raw)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadRow(
            CrawlReason.UNREADABLE, f"it is not text in {encoding.upper()} (byte {error.start:,})"
        ) from error


def _json(text: str) -> Any:
    value = exact_json.loads(text)
    try:
        exact_json.dumps(value)  # which takes fewer levels than loading does
        # orjson keeps the last of equal keys without a word, which would lose whole paths.
        json.loads(text, object_pairs_hook=_refuse_repeated_keys)
    except (TypeError, RecursionError) as error:
        raise BadRow(CrawlReason.TOO_LARGE, "it is nested too deeply") from error
    return value


def _refuse_repeated_keys(pairs: Pairs) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise BadRow(CrawlReason.UNREADABLE, f"the key {key!r} stands twice in one object")
        seen.add(key)


def _as_yaml_after_all(text: str, fault: orjson.JSONDecodeError) -> Any:
    """Braces may be YAML, too; what is neither is called broken JSON."""
    try:
        return parse_yaml(text)
    except BadRow as error:
        if error.reason == CrawlReason.TOO_LARGE:
            raise
        raise BadRow(CrawlReason.UNREADABLE, f"it is not JSON: {fault}") from fault
