"""From a finished API call to what the search sees of it."""

from __future__ import annotations

from tasks import exact_json
from tasks.calling.observe import observation_of
from tasks.calling.outcome import CallResult, Outcome
from tasks.search.rules import Rules
from tasks.search.task import Observation
from tasks.shaping.schema import shape_of_schema
from tasks.shaping.shape import Shape
from tasks.shaping.tokens import O200K, Tokenizer
from warehouse.tables.catalogue import Api
from warehouse.tables.documents import Document

CODE_OF_OUTCOME = {
    Outcome.INVALID_ARGUMENTS: 2,
    Outcome.TIMEOUT: 5,
    Outcome.NOT_FOUND: 6,
    Outcome.UNAUTHORIZED: 7,
    Outcome.UNSUBSCRIBED: 8,
    Outcome.RATE_LIMITED: 9,
    Outcome.ERROR_MESSAGE: 11,
    Outcome.CONNECTION_ERROR: 12,
}
"""ToolBench's status codes; it has none for other failures and calls them 0, as it does success."""

_PUBLISHED_CHARACTERS = 1024
_WHOLE = 1_000_000  # tokens; nothing the calling layer lets through is longer


def response_shape(api: Api, document: Document | None) -> Shape | None:
    """The keys of the API's responses worth keeping, as far as is known.

    Those that compression chose; of an API without a document those that its listing declares.  An
    example declares nothing: other answers may say more.
    """
    if document is not None:
        shape: Shape = exact_json.loads(document.response_schema)
        return shape
    return None if api.response_schema is None else shape_of_schema(exact_json.loads(api.response_schema))


def observe(
    result: CallResult, shape: Shape | None, max_tokens: int, rules: Rules, tokenizer: Tokenizer = O200K
) -> Observation:
    """What a call showed; shape: the keys of its response worth keeping.  tokenizer: of the model."""
    if rules.observation_stays_valid:
        text = observation_of(result, shape, max_tokens, tokenizer)
    else:
        text = _cut(observation_of(result, None, _WHOLE))
    return Observation(text, result.outcome.value, CODE_OF_OUTCOME.get(result.outcome, 0))


def _cut(text: str) -> str:
    return text if len(text) <= _PUBLISHED_CHARACTERS else f"{text[:_PUBLISHED_CHARACTERS]}..."
