"""Media types: which of several a request is made in, or a response is read in."""

from __future__ import annotations

import re
from collections.abc import Sequence

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_JSON = re.compile(r"(?:application|text)/(?:[\w.+-]*\+)?json\b|\*/\*|application/\*", re.IGNORECASE)
_PLAIN_TEXT = re.compile(r"text/plain\b", re.IGNORECASE)


def is_json(media_type: str) -> bool:
    """Whether JSON is meant or, with a wildcard, admitted."""
    return _JSON.match(media_type.strip()) is not None


def is_text(media_type: str) -> bool:
    return _PLAIN_TEXT.match(media_type.strip()) is not None


def is_form(media_type: str) -> bool:
    return media_type.strip().lower().startswith(FORM)


def is_multipart(media_type: str) -> bool:
    return media_type.strip().lower().startswith(MULTIPART)


def best_for_request(media_types: Sequence[str]) -> str | None:
    """The one that arguments are best put into; None when they fit into none."""
    for suits in (is_json, is_form, is_multipart, is_text):
        for media_type in media_types:
            if suits(media_type):
                return media_type
    return None


def sent_as(media_type: str) -> str:
    """What a request says it is: a wildcard becomes JSON."""
    return JSON if "*" in media_type else media_type.strip()
