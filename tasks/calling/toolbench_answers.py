"""What an answer of a ToolBench service means: `{"error", "response"}`, and nothing of HTTP."""

from __future__ import annotations

import ast
import warnings
from typing import Any

import orjson

from tasks import exact_json
from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.verdict import json_of, outcome_of
from tasks.shaping.shorten import json_text

# How the service words what went wrong, by the beginning of its `error` in lower case.
_BY_ERROR = {
    "api not working": Outcome.SERVER_ERROR,
    "api temporarily not working": Outcome.TIMEOUT,
    "blocked": Outcome.UNAUTHORIZED,
    "failed to generate": Outcome.SERVER_ERROR,
    "function executing": Outcome.CLIENT_ERROR,
    "gateway": Outcome.SERVER_ERROR,
    "no such function": Outcome.NOT_FOUND,
    "rate limit": Outcome.RATE_LIMITED,
    "request invalid": Outcome.CLIENT_ERROR,
    "timeout": Outcome.TIMEOUT,
    "too many requests": Outcome.RATE_LIMITED,
    "tool input parse": Outcome.CLIENT_ERROR,
    "unauthorized": Outcome.UNAUTHORIZED,
    "unsubscribed": Outcome.UNSUBSCRIBED,
}
# Python's words where the service has no such tool or API.
_NOT_THERE = ("no module named", "cannot import name")
# Said of every response in which the word "error" stands anywhere: the response itself tells more.
_MENTIONS_ERROR = "message error"
# Longer Python text is left as it is: reading it takes many times its size in memory.
_LONGEST_LITERAL = 200_000
_TELLING = frozenset({Outcome.CLIENT_ERROR, Outcome.NOT_FOUND, Outcome.ERROR_MESSAGE})


def result_of(error: str, response: Any, *, latency_ms: float) -> CallResult:
    """The result of a call that the service carried out.

    error: "" when the service found nothing wrong.  response: a JSON value, or the text of one, or, from
    ToolBench's own service, a Python literal, which becomes JSON; a text cut in the middle stays a text.
    """
    body = _text_of(response)
    outcome = _outcome(error.strip(), body)
    if body is None and outcome in _TELLING:
        body = json_text({"message": error.strip()})
    return CallResult(
        outcome=outcome,
        latency_ms=latency_ms,
        content_type=None if body is None or json_of(body) is None else "application/json",
        n_bytes=0 if body is None else len(body.encode(errors="replace")),
        body=body,
        detail=error.strip(),
    )


def _outcome(error: str, body: str | None) -> Outcome:
    judged = outcome_of(200, None, body, n_bytes=0)
    if not error:
        return judged
    said = error.lower()
    if said.startswith(_MENTIONS_ERROR):
        has_data = judged is Outcome.OK and body is not None and json_of(body) is not None
        return Outcome.OK if has_data else Outcome.ERROR_MESSAGE
    if any(phrase in said for phrase in _NOT_THERE):
        return Outcome.NOT_FOUND
    by_error = (outcome for start, outcome in _BY_ERROR.items() if said.startswith(start))
    return next(by_error, Outcome.ERROR_MESSAGE)


def _text_of(response: Any) -> str | None:
    if response is None or response == "":
        return None
    if not isinstance(response, str):
        return json_text(response)
    text = response.strip()
    if text.startswith('"'):
        return _unquoted(text)
    if text.startswith(("{", "[")) and json_of(text) is None:
        return _from_python(text)
    return response


def _unquoted(text: str) -> str:
    """A JSON string's contents; anything else as it is."""
    try:
        return str(exact_json.loads(text))
    except orjson.JSONDecodeError:
        return text


def _from_python(text: str) -> str:
    """JSON text of a Python literal (as `str` writes a dict); anything else as it is."""
    if len(text) > _LONGEST_LITERAL:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what looks odd in foreign text
            return json_text(ast.literal_eval(text))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        # No literal, cut in the middle, nested too deeply, or a value that JSON does not have.
        return text
