"""From a finished API call to what the search sees of it (paper appendix A.1: compress, then cut).

Only what an API said and the word for the outcome: never a time, an address or the wording of a client
library, for the observation is part of every later prompt.
"""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

from tasks import exact_json
from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.verdict import json_of
from tasks.search.rules import Rules
from tasks.search.task import Observation
from tasks.text_budget.promises import named_keys, names_on
from tasks.text_budget.shape import Outline, Shape, fit, leaving_out, outline_of, project, shape_of_schema
from tasks.text_budget.tokens import O200K, Tokenizer
from warehouse.tables.catalogue import Api
from warehouse.tables.documents import Document

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


CODE_OF_OUTCOME = {
    Outcome.INVALID_ARGUMENTS: 2,
    Outcome.TIMEOUT: 5,
    Outcome.NOT_FOUND: 6,
    Outcome.UNAUTHORIZED: 7,
    Outcome.LOGIN_PAGE: 7,
    Outcome.UNSUBSCRIBED: 8,
    Outcome.RATE_LIMITED: 9,
    Outcome.ERROR_MESSAGE: 11,
    Outcome.CONNECTION_ERROR: 12,
}
"""ToolBench's status codes; it has none for other failures and calls them 0, as it does success."""

_PUBLISHED_CHARACTERS = 1024
_WHOLE = 1_000_000  # tokens; nothing the calling layer lets through is longer


def response_shape(api: Api, document: Document | None) -> Shape | None:
    """The keys of the API's responses worth keeping, as far as is known; None: all of them.

    All but those that compression left out; of an API without a document those that its listing declares.
    An example declares nothing: other answers may say more.
    """
    if document is not None:
        return _kept_of(document.response_schema, document.outline)
    return None if api.response_schema is None else shape_of_schema(exact_json.loads(api.response_schema))


@lru_cache(maxsize=4096)
def _kept_of(kept: str, outline: str | None) -> Shape | None:
    shape: Shape = exact_json.loads(kept)
    if outline is None:
        return shape
    seen: Outline = exact_json.loads(outline)
    return None if outline_of(shape) == seen else leaving_out(shape, seen)


def promised_keys(document: Document | None) -> Set[str]:
    """Names of keys of a response that the API's description speaks of: they are cut last."""
    return frozenset() if document is None else _promised(document.document, document.response_schema)


@lru_cache(maxsize=4096)
def _promised(document: str, kept: str) -> Set[str]:
    return names_on(
        named_keys(str(exact_json.loads(document).get("api_description")), exact_json.loads(kept))
    )


def observe(
    result: CallResult,
    shape: Shape | None,
    max_tokens: int,
    rules: Rules,
    tokenizer: Tokenizer = O200K,
    promised: Set[str] = frozenset(),
) -> Observation:
    """What a call showed; shape: the keys of its response worth keeping, promised: those cut last.

    tokenizer: of the model.
    """
    if rules.observation_stays_valid:
        text = observation_of(result, shape, max_tokens, tokenizer, promised)
    else:
        whole = observation_of(result, None, _WHOLE)
        text = whole if len(whole) <= _PUBLISHED_CHARACTERS else f"{whole[:_PUBLISHED_CHARACTERS]}..."
    return Observation(text, result.outcome.value, CODE_OF_OUTCOME.get(result.outcome, 0))
