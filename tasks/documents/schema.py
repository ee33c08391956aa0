"""The example of a call of an API: its response, and what it was called with."""

from __future__ import annotations

from typing import Any

from tasks import exact_json
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Verdict

_DEEPEST = 100  # JSON nested deeper than this is no data, and would exhaust Python's stack later on


def example_response_of(api: Api, verdict: Verdict) -> Any:
    """A response of the API as a JSON value: a real one if there is one, else the listing's, else None.

    What is not JSON, or is nested beyond reason, is plain text and comes back as a string.
    """
    text = api.example_response if verdict.example_response is None else verdict.example_response
    return None if text is None else _parsed(text)


def answered_arguments_of(verdict: Verdict) -> Any:
    """What the call was made with whose answer is the example response; None where that is not known."""
    if verdict.example_response is None or verdict.example_arguments is None:
        return None
    return _parsed(verdict.example_arguments)


def _parsed(text: str) -> Any:
    try:
        value = exact_json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if _is_deeper_than(_DEEPEST, value) else value


def _is_deeper_than(depth: int, value: Any) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper_than(depth - 1, each) for each in inner)
