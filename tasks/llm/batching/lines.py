"""Lines of a batch's files: requests as the endpoint wants them, results as we take them.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson

from tasks import exact_json
from tasks.errors import ToolloomError
from tasks.llm.chat import Json, Reply
from tasks.llm.failures import MalformedReply, failure_of, wants_other_length_field
from tasks.llm.replies import parse_reply

URL: Final = "/v1/chat/completions"
_OK = 200


class NextBatch(ToolloomError):
    """This batch brought no reply to a request; the next one may.  Told apart from what `RETRIES` lists."""


class LeftOut(NextBatch):
    """The batch ended without trying this request: expired, or lost."""


class TooMuch(NextBatch):
    """The endpoint has more enqueued for this account than it admits."""


class OtherLengthField(NextBatch):
    """The endpoint wants the length of the reply under the protocol's newer name."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one request.  key: its key in the reply store, in hexadecimal."""

    key: str
    outcome: Reply | ToolloomError


def request_line(key: str, body: bytes) -> bytes:
    """The request as a line of an input file."""
    named = orjson.dumps({"custom_id": key, "method": "POST", "url": URL})
    return named[:-1] + b',"body":' + body + b"}\n"


def read_result(line: bytes, model: str) -> Result | None:
    """A line of an output or error file; None for one that names no request, or one that was not tried."""
    try:
        result = exact_json.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(result, dict) or not isinstance(result.get("custom_id"), str):
        return None
    response = result.get("response")
    if not isinstance(response, dict):
        return None
    return Result(result["custom_id"], _outcome(response, model))


def _outcome(response: Json, model: str) -> Reply | ToolloomError:
    status = response.get("status_code")
    body = exact_json.dumps(response.get("body"))
    if status == _OK:
        return _reply(body, model)
    if not isinstance(status, int):
        return MalformedReply("a result of the batch has no status")
    if status == 400 and wants_other_length_field(body):
        return OtherLengthField("max_completion_tokens is wanted instead of max_tokens")
    return failure_of(status, {}, body)


def _reply(body: bytes, model: str) -> Reply | ToolloomError:
    try:
        return parse_reply(body, model=model)
    except ToolloomError as failure:
        return failure
