"""What can go wrong between us and a model endpoint, and what each failure means for the run.

An answer or a broken connection becomes one of the errors of `tasks.errors` here, and nowhere else;
`tasks.llm.retry` says which of them are tried again, and how often.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import aiohttp
import orjson

from tasks.errors import (
    BrokenContract,
    ConnectionFailed,
    EndpointDown,
    RateLimited,
    RequestRefused,
    ServerFailed,
    ToolloomError,
    Transient,
)
from tasks.transport.retry import pause_asked_for

_LONGEST_QUOTE = 300


class Cost(StrEnum):
    """What a try that brought no reply counts as; its words are for readers."""

    NOTHING = "nothing"
    REQUEST = "a request"
    WORST = "a request and its tokens, at worst"


class Unreachable(ConnectionFailed):
    """Not even a connection: refused, no such name, no route."""


class TimedOut(ConnectionFailed):
    """No complete answer within `[llm] timeout_s`."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="raise [llm] timeout_s or lower [llm] concurrency")


class MalformedReply(Transient):
    """A success that is no chat completion: cut off, HTML, another shape."""


class BrokenOff(ServerFailed):
    """A success whose choice holds an error: what was behind the endpoint failed while it wrote."""


class KeyRefused(BrokenContract):
    """401, or a 403 that is about the key: the endpoint does not take it."""

    def __init__(self, message: str, *, status: int, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.status = status


class ModelUnknown(BrokenContract):
    """The endpoint is there and has no such model, or no such route."""


class Ambiguous(RequestRefused):
    """A refusal that may concern this request or all of them; its words do not tell.

    It is this request's where the endpoint has answered another one (`tasks.llm.client`).  of_all: what it
    is otherwise.
    """

    def __init__(self, message: str, *, of_all: KeyRefused | ModelUnknown) -> None:
        super().__init__("endpoint_refused", message)
        self.of_all = of_all


_BUSY = frozenset({429, 503, 529})
_TRY_AGAIN = frozenset({409, 425})
_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_MODEL_CODE = "model_not_found"
_UNSUPPORTED = frozenset({"unsupported_parameter", "unsupported_value"})
_REASONS: Mapping[str, str] = {
    "context_length_exceeded": "context_too_long",
    "content_filter": "content_filtered",
    "content_policy_violation": "content_filtered",
}
_KEY_CODES = frozenset(
    {"invalid_api_key", "authentication_error", "invalid_authentication", "permission_denied"}
    | {"permission_error", "insufficient_permissions", "account_deactivated", "unauthorized"}
    | {"unsupported_country_region_territory"}
)
_MODERATED = re.compile(
    r"moderat|flagged|guideline|polic(?:y|ies)|safety|unsafe|violat|harmful|inappropriate|sensitive|prohibited"
    r"|content.?(?:filter|inspection)|data.?inspection",
    re.IGNORECASE,
)
_NO_SUCH_MODEL = re.compile(
    r"(invalid model name|unknown model|model.{0,200}(not found|not exist|no such|not available))",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error body says, whatever dialect it is written in.  structured: it was a JSON object."""

    message: str
    code: str = ""
    param: str = ""
    structured: bool = False


def refusal_in(body: bytes) -> Refusal:
    """The error in a body: OpenAI's `error` object, FastAPI's `detail`, Google's list, or plain text."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Refusal(_quote(body.decode("utf-8", "replace")))
    while isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return Refusal(_quote(str(parsed)))
    error = parsed.get("error", parsed)
    if not isinstance(error, dict):
        return Refusal(_quote(str(error)), structured=True)
    message = error.get("message") or error.get("detail") or error
    return Refusal(
        message=_quote(str(message)),
        code=str(error.get("code") or error.get("type") or ""),
        param=str(error.get("param") or ""),
        structured=True,
    )


def _quote(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_QUOTE else flat[:_LONGEST_QUOTE] + " ..."


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> ToolloomError:
    """The error that an answer with this status stands for."""
    refusal = refusal_in(body)
    said = f"HTTP {status}: {refusal.message}" if refusal.message else f"HTTP {status} with no explanation"
    if status == 402 or refusal.code in _NO_CREDIT:
        return EndpointDown(
            f"the account at the model endpoint has no credit left ({said})",
            fix="add credit, then run the same command again: what is finished is kept",
        )
    if status in _BUSY:
        return RateLimited(said, retry_after=pause_asked_for(headers))
    if status == 408:
        return TimedOut(said)
    if status in _TRY_AGAIN or (status >= 500 and status != 501):
        return ServerFailed(said)
    return _final_failure(status, refusal, said)


def _final_failure(status: int, refusal: Refusal, said: str) -> ToolloomError:
    """Failures that no further try can mend."""
    if status == 401:
        # The answer may quote the key, so nothing of it is repeated.
        return KeyRefused(f"the model endpoint refuses the key (HTTP {status})", status=status)
    if status == 403:
        return _forbidden(refusal, said)
    # A server with no such route says so in plain text or, as FastAPI does, in two bare words.
    is_unstructured = not refusal.structured or refusal.message.lower() == "not found"
    if status < 400 or status in {405, 501} or (status == 404 and is_unstructured):
        return ModelUnknown(f"the model endpoint has no chat completions at this address ({said})")
    if status in {400, 404} and _is_about_the_model(refusal):
        unknown = ModelUnknown(f"the model endpoint does not know the model ({said})")
        in_so_many_words = refusal.code == _MODEL_CODE or refusal.param == "model" or status == 404
        # The words may be those of a user, whom the endpoint quotes.
        return unknown if in_so_many_words else Ambiguous(said, of_all=unknown)
    if refusal.code in _UNSUPPORTED and not refusal.param.startswith("messages"):
        return BrokenContract(
            f"the model endpoint does not support a setting that every request carries ({said})",
            fix="change or remove that setting in [llm]",
        )
    return RequestRefused(_REASONS.get(refusal.code, "endpoint_refused"), said)


def _forbidden(refusal: Refusal, said: str) -> ToolloomError:
    """A 403: a text that the endpoint will not have, a key that may not do this, or who knows."""
    refused = KeyRefused(f"the model endpoint refuses the requests ({said})", status=403)
    if refusal.code.lower() in _KEY_CODES:
        return refused
    if _MODERATED.search(f"{refusal.code} {refusal.message}") is not None:
        return RequestRefused("content_filtered", said)
    return Ambiguous(said, of_all=refused)


def _is_about_the_model(refusal: Refusal) -> bool:
    return (
        refusal.code == _MODEL_CODE
        or (refusal.param == "model" and refusal.code not in _UNSUPPORTED)
        or _NO_SUCH_MODEL.search(refusal.message) is not None
    )


def wants_other_length_field(body: bytes) -> bool:
    """Whether the endpoint refuses `max_tokens` because its newer name is `max_completion_tokens`."""
    return "max_completion_tokens" in refusal_in(body).message


def broken_connection(error: BaseException) -> ConnectionFailed:
    """The error that a failed exchange stands for, told by its innermost cause.

    The libraries between report a refused connection as a timeout; the innermost exception is right.
    """
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    told = _quote(f"{type(cause).__name__}: {cause}")
    chain = _chain(error)
    if any(isinstance(link, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) for link in chain):
        return Unreachable(f"no connection ({told})")
    if any(isinstance(link, aiohttp.SocketTimeoutError) for link in chain):
        return TimedOut(f"no answer in time ({told})")
    return ConnectionFailed(f"the connection broke ({told})")


def _chain(error: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in links:
        links.append(at)
        at = at.__cause__
    return links


TOO_LONG = "context_too_long"
