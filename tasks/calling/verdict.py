"""How a response is to be taken.  Decided from status and structure, never from words in a body."""

from __future__ import annotations

import re
from typing import Any

import orjson

from tasks import exact_json
from tasks.calling.outcome import Outcome

_BY_STATUS = {
    204: Outcome.EMPTY,
    205: Outcome.EMPTY,
    401: Outcome.UNAUTHORIZED,
    402: Outcome.UNSUBSCRIBED,
    404: Outcome.NOT_FOUND,
    407: Outcome.UNAUTHORIZED,
    408: Outcome.TIMEOUT,
    410: Outcome.NOT_FOUND,
    429: Outcome.RATE_LIMITED,
    504: Outcome.TIMEOUT,
}

# Names are compared in lower case and without punctuation: "Error Message" is "errormessage".
_ERROR_FIELDS = frozenset(
    {
        "err",
        "errcode",
        "errno",
        "error",
        "errorcode",
        "errordescription",
        "errordetails",
        "errormessage",
        "errormessages",
        "errormsg",
        "errors",
        "errortype",
        "exception",
        "fault",
        "retcode",
    }
)
_MESSAGE_FIELDS = frozenset({"detail", "errmessage", "errmsg", "message", "messages", "msg", "retmsg"})
_STATUS_FIELDS = frozenset(
    {
        "cod",
        "code",
        "httpcode",
        "httpstatus",
        "ok",
        "response",
        "result",
        "state",
        "status",
        "statuscode",
        "success",
    }
)
# What stands beside a message and is no answer either.
_TRACE_FIELDS = frozenset(
    {
        "correlationid",
        "docs",
        "documentation",
        "documentationurl",
        "path",
        "requestid",
        "timestamp",
        "traceid",
    }
)
# What stands beside an error, but beside a mere message may well be the answer.
_ERROR_CONTEXT_FIELDS = frozenset(
    {
        "apiversion",
        "date",
        "description",
        "details",
        "help",
        "hint",
        "info",
        "instance",
        "link",
        "meta",
        "method",
        "moreinfo",
        "reason",
        "statusmessage",
        "statustext",
        "support",
        "time",
        "title",
        "type",
        "url",
        "version",
    }
)
_FAILED = frozenset({"error", "fail", "failed", "failure", "false", "ko", "nok"})
_SUCCEEDED = frozenset({"ok", "okay", "success", "successful", "succeeded", "true"})
# Fields in which 0 says that nothing is wrong; a `status` or `success` of 0 may say the contrary.
_CODES = frozenset({"cod", "code", "errcode", "errno", "errorcode", "resultcode", "ret", "retcode"})
# JSend: these words and `data` are the whole of a failure, and `data` says what was wrong.
_JSEND_FAILED = frozenset({"error", "fail"})
_JSEND_FIELDS = frozenset({"code", "data", "message", "ok", "status", "statuscode", "success"})
_SUBSCRIPTION = re.compile(
    r"\bsubscri|\bupgrade your\b|\bbilling\b|\bpaid plan\b|\byour (?:current )?plan\b", re.IGNORECASE
)
_HTML = re.compile(
    r"\ufeff?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE,
)
_PASSWORD_FIELD = re.compile(
    r"<input\b[^<>]{0,500}\b(?:type|name)\s{0,3}=\s{0,3}\\?[\"']?(?:password|passwd)\b", re.IGNORECASE
)
_LONGEST_PAGE = 200_000  # characters in which such a field is looked for
_ESCAPED = re.compile(r"\\(u003[cC]|u003[eE]|.)", re.DOTALL)
_UNESCAPED = {"u003c": "<", "u003C": "<", "u003e": ">", "u003E": ">", '"': '"', "/": "/"}
_BEGINNING = 2000  # characters within which a page shows that it is one


def outcome_of(
    status: int, content_type: str | None, body: str | None, *, n_bytes: int, method: str = "GET"
) -> Outcome:
    """The outcome of a response.  body: its text, None when it has none; n_bytes: its size as bytes."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 403:
        return Outcome.UNSUBSCRIBED if _speaks_of_subscription(body) else Outcome.UNAUTHORIZED
    if status >= 500:
        return Outcome.SERVER_ERROR
    if not 200 <= status < 300:
        return Outcome.CLIENT_ERROR
    return Outcome.OK if method == "HEAD" else _of_success(content_type, body, n_bytes)


def _of_success(content_type: str | None, body: str | None, n_bytes: int) -> Outcome:
    if body is None:
        return Outcome.OK if n_bytes else Outcome.EMPTY
    if not body.strip():
        return Outcome.EMPTY
    value = json_of(body)
    if value is not None:
        # Many an API sends its JSON as text/html.
        problem = (content_type or "").startswith("application/problem+json")
        return Outcome.ERROR_MESSAGE if problem or is_error_object(value) else Outcome.OK
    html_type = (content_type or "").startswith(("text/html", "application/xhtml"))
    if not (html_type or is_page(body)):
        return Outcome.OK
    return Outcome.LOGIN_PAGE if _asks_to_log_in(body) else Outcome.HTML


def _asks_to_log_in(page: str) -> bool:
    """Whether a page has a field for a password; as a JSON string it may have it escaped."""
    return bool(_PASSWORD_FIELD.search(page, 0, _LONGEST_PAGE))


def is_page(body: str) -> bool:
    """Whether the text is an HTML page, as it stands or as a JSON string."""
    beginning = body[:_BEGINNING]
    return bool(_HTML.match(beginning) or _HTML.match(_unquoted(beginning)))


def _unquoted(beginning: str) -> str:
    """What a JSON string begins with; an escape that is cut off, or none, is left out."""
    if not beginning.lstrip("\ufeff \t\r\n").startswith('"'):
        return ""
    text = _ESCAPED.sub(lambda escape: _UNESCAPED.get(escape[1], " "), beginning)
    return text.lstrip("\ufeff \t\r\n").removeprefix('"')


def json_of(body: str) -> Any | None:
    """The JSON object or array that a body is; None for all else."""
    if not body.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return None
    try:
        return exact_json.loads(body.lstrip("\ufeff"))
    except orjson.JSONDecodeError:
        return None


def _speaks_of_subscription(body: str | None) -> bool:
    """Gateways say 403 both for a wrong key and for a missing subscription: only their message tells."""
    value = None if body is None else json_of(body)
    if not isinstance(value, dict):
        return False
    messages = [field for name, field in value.items() if _plain(name) in _ERROR_FIELDS | _MESSAGE_FIELDS]
    return any(_SUBSCRIPTION.search(text) for message in messages for text in _texts(message))


def _texts(field: Any) -> list[str]:
    if isinstance(field, dict):
        return [text for text in field.values() if isinstance(text, str)]
    return [field] if isinstance(field, str) else []


def is_error_object(value: Any) -> bool:
    """Whether a JSON value *is* an error: a top-level error or message field, and no data beside it.

    A status that says "success" makes a lone message an answer, as do an error that is false, a message that
    says no more than this and, beside an empty list or object, a code of 0; one that says "failed" makes
    scalars beside the message part of the error: they repeat the request.  A failure of JSend
    (github.com/omniti-labs/jsend) may have nothing but `data`, an error of JSON-RPC has a version and an id.
    """
    if not isinstance(value, dict):
        return False
    fields = {_plain(name): field for name, field in value.items()}
    if _is_jsend_failure(fields) or (fields.get("jsonrpc") and fields.get("error")):
        return True
    status = _status(fields)
    failed = status == "failed"
    erring = any(name in _ERROR_FIELDS and _says_something(field) for name, field in fields.items())
    message = any(
        name in _MESSAGE_FIELDS and field and (failed or isinstance(field, str))
        for name, field in fields.items()
    )
    if not erring and (not message or status == "succeeded"):
        return False
    return not any(_is_data(name, field, erring or failed, failed) for name, field in fields.items())


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _says_something(field: Any) -> bool:
    """Empty, null, false, 0 and "success" report that there was no error; a fraction is a margin of error."""
    if isinstance(field, str):
        return bool(field.strip("0 ")) and not _is_word_of_success(field)
    return bool(field) and not isinstance(field, float)


def _is_word_of_success(message: Any) -> bool:
    return isinstance(message, str) and message.strip(" .!").lower() in _SUCCEEDED


def _is_jsend_failure(fields: dict[str, Any]) -> bool:
    failed = fields.get("success") is False or fields.get("ok") is False
    if not failed and str(fields.get("status")).lower() not in _JSEND_FAILED:
        return False
    return "data" in fields and fields.keys() <= _JSEND_FIELDS | _ERROR_FIELDS | _TRACE_FIELDS


def _is_data(name: str, field: Any, erring: bool, failed: bool) -> bool:
    if not field or name in _ERROR_FIELDS:
        return False
    context = _TRACE_FIELDS | _ERROR_CONTEXT_FIELDS if erring else _TRACE_FIELDS
    if isinstance(field, (dict, list)):
        return not erring or name not in _MESSAGE_FIELDS | context
    return not failed and name not in _MESSAGE_FIELDS | _STATUS_FIELDS | _CODES | context


def _status(fields: dict[str, Any]) -> str | None:
    """What the fields that tell the status say: "failed", "succeeded", or nothing."""
    said = {_status_word(field) for name, field in fields.items() if name in _STATUS_FIELDS}
    if any(fields.get(name) == 1 for name in ("ok", "success")) or fields.get("error") is False:
        said.add("succeeded")
    empty = any(field in ([], {}) for name, field in fields.items() if name not in _ERROR_FIELDS)
    if any(_is_word_of_success(field) for name, field in fields.items() if name in _MESSAGE_FIELDS) or (
        empty and any(_is_zero(field) for name, field in fields.items() if name in _CODES)
    ):
        said.add("succeeded")
    return "failed" if "failed" in said else "succeeded" if "succeeded" in said else None


def _is_zero(code: Any) -> bool:
    return not isinstance(code, bool) and bool(re.fullmatch("0+", str(code)))


def _status_word(field: Any) -> str | None:
    word = str(field).lower()
    if word in _FAILED or (word.isdecimal() and 400 <= int(word[:9]) < 600):
        return "failed"
    if word in _SUCCEEDED or (word.isdecimal() and 200 <= int(word[:9]) < 300):
        return "succeeded"
    return None
