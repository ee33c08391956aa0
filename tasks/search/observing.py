"""From a finished API call to what the search sees of it."""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache

from tasks import exact_json
from tasks.calling.observe import observation_of
from tasks.calling.outcome import CallResult, Outcome
from tasks.search.rules import Rules
from tasks.search.task import Observation
from tasks.text_budget.promises import named_keys, names_on
from tasks.text_budget.shape import Outline, Shape, leaving_out, outline_of, shape_of_schema
from tasks.text_budget.tokens import O200K, Tokenizer
from warehouse.tables.catalogue import Api
from warehouse.tables.documents import Document

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
