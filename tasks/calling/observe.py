"""From a call's result to what the model gets to see (paper appendix A.1: compress, then cut).

Only what an API said and the word for the outcome: never a time, an address or the wording of a client
library, for the observation is part of every later prompt.
"""

from __future__ import annotations

from collections.abc import Set
from html.parser import HTMLParser
from typing import Any

from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.verdict import json_of
from tasks.text_budget.shape import Shape, fit, project
from tasks.text_budget.tokens import O200K, Tokenizer

_UNSEEN = frozenset({"script", "style", "head", "noscript", "template"})


def observation_of(
    result: CallResult,
    shape: Shape | None,
    max_tokens: int,
    tokenizer: Tokenizer = O200K,
    promised: Set[str] = frozenset(),
) -> str:
    """The observation, at most `max_tokens` (>= 1) tokens.

    An answer is projected on `shape` (the keys worth keeping) and then cut to the budget, as JSON that still
    parses; the keys `promised` go last.  A failure is {"error": outcome, "status": HTTP status, "response":
    the API's own words}.
    """
    if result.outcome is Outcome.OK:
        return _answer(result, shape, max_tokens, tokenizer, promised)
    failure: dict[str, Any] = {"error": result.outcome.value}
    if result.http_status is not None:
        failure["status"] = result.http_status
    said = _said(result)
    if said:
        failure["response"] = said
    return fit(failure, None, max_tokens, tokenizer)


def _answer(
    result: CallResult, shape: Shape | None, max_tokens: int, tokenizer: Tokenizer, promised: Set[str]
) -> str:
    if result.body is None:
        described = {
            "status": result.http_status,
            "content_type": result.content_type,
            "n_bytes": result.n_bytes,
        }
        return fit(described, None, max_tokens, tokenizer)
    value = json_of(result.body)
    if value is None:
        return fit(result.body, None, max_tokens, tokenizer)
    if shape is not None:
        projected = project(value, shape)
        # An answer of another shape than the one seen in probing is better than an empty one.
        value = projected if _says_something(projected) else value
    return fit(value, None, max_tokens, tokenizer, promised)


_PAGES = frozenset({Outcome.HTML, Outcome.LOGIN_PAGE})


def _said(result: CallResult) -> Any:
    """The API's own words: JSON as it is, of a page only the text."""
    if result.body is None:
        return None
    value = json_of(result.body)
    if value is not None:
        return value
    return visible_text(result.body) if result.outcome in _PAGES else result.body.strip()


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_says_something(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_says_something(element) for element in value)
    return value is not None


def visible_text(page: str) -> str:
    """What a reader of an HTML page sees, spaces folded."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return " ".join(" ".join(reader.texts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._unseen += tag in _UNSEEN

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.texts.append(data)
