"""From the bytes of a chat completion to a `Reply`, and from a model's text to JSON.  Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson
from json_repair import repair_json

from tasks import exact_json
from tasks.errors import BadRow
from tasks.llm.chat import Json, Reply, ToolCall, Usage
from tasks.llm.failures import MalformedReply, error_in_success

REFUSAL = "refusal"


def parse_reply(body: bytes, *, model: str = "") -> Reply:
    """The reply in a chat completion.

    Mends what endpoints are known to differ in: arguments given as an object, missing or repeated call
    ids (`call_<position>` instead), the older `function_call`, text given in parts, a refusal (its text
    becomes the content, `refusal` the finish reason).  Missing usage is `Usage(0, 0)`, which no real
    reply has.  Raises `MalformedReply` for anything that is no chat completion, and the error itself
    where an error is wrapped in a success.
    """
    return reply_of(_loads(body), model=model)


def reply_of(decoded: Any, *, model: str = "") -> Reply:
    """The reply in a decoded chat completion; mends and raises as `parse_reply` does."""
    completion = _object(decoded, "the answer")
    wrapped = error_in_success(completion)
    if wrapped is not None:
        raise wrapped
    choice = _object(_first(completion.get("choices")), "choices[0]")
    message = _object(choice.get("message"), "choices[0].message")
    content = _text(message.get("content"))
    refusal = _text(message.get("refusal"))
    refused = bool(refusal) and not content
    return Reply(
        content=refusal if refused else content,
        tool_calls=_tool_calls(message),
        finish_reason=REFUSAL if refused else _optional_word(choice.get("finish_reason")),
        usage=_usage(completion.get("usage")),
        model=_optional_word(completion.get("model")) or model,
    )


def _loads(body: bytes) -> Any:
    try:
        return exact_json.loads(body)
    except orjson.JSONDecodeError:
        return _loads_with_stray_surrogates(body)


def _loads_with_stray_surrogates(body: bytes) -> Any:
    """A reply cut inside an emoji holds half of it, which is JSON but no text that can be passed on."""
    try:
        return _without_surrogates(json.loads(body))
    except (ValueError, RecursionError) as error:
        beginning = " ".join(body[:80].decode("utf-8", "replace").split())
        raise MalformedReply(f"the answer is not JSON: {beginning!r}") from error


def _without_surrogates(value: Any) -> Any:
    return exact_json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _object(value: Any, where: str) -> Json:
    if not isinstance(value, dict):
        raise MalformedReply(f"the answer is no chat completion: {where} is {_kind(value)}, not an object")
    return value


def _kind(value: Any) -> str:
    return "missing" if value is None else type(value).__name__


def _first(choices: Any) -> Any:
    return choices[0] if isinstance(choices, list) and choices else None


def _optional_word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _text(content: Any) -> str | None:
    """Text of a content given whole or in parts; "" and none at all are not the same (`search.rules`)."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        content = "".join(str(part.get("text") or part.get("refusal") or "") for part in parts) or None
    if content is not None and not isinstance(content, str):
        raise MalformedReply(f"the answer is no chat completion: content is {_kind(content)}, not text")
    return content


def _tool_calls(message: Json) -> tuple[ToolCall, ...]:
    given = message.get("tool_calls")
    legacy = message.get("function_call")
    if not given and legacy:
        given = [{"function": legacy}]
    if given is not None and not isinstance(given, list):
        raise MalformedReply(f"the answer is no chat completion: tool_calls is {_kind(given)}, not a list")
    calls: list[ToolCall] = []
    taken: set[str] = set()
    for position, entry in enumerate(given or ()):
        calls.append(_tool_call(position, _object(entry, f"tool_calls[{position}]"), taken))
    return tuple(calls)


def _tool_call(position: int, entry: Json, taken: set[str]) -> ToolCall:
    function = _object(entry.get("function"), f"tool_calls[{position}].function")
    call_id = _optional_word(entry.get("id"))
    if call_id is None or call_id in taken:
        call_id = f"call_{position}"
    taken.add(call_id)
    return ToolCall(id=call_id, name=str(function.get("name") or ""), arguments=_arguments(function))


def _arguments(function: Json) -> str:
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        return arguments
    return "{}" if arguments is None else exact_json.dumps(arguments).decode()


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    return Usage(
        tokens_in=_count(usage.get("prompt_tokens")), tokens_out=_count(usage.get("completion_tokens"))
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
# Where an object or a list may begin; "[as you asked]" in prose is neither.
_OPENING = re.compile(r"""[\[{](?=\s*(?:["'{\[\]}\d-]|true|false|null|[A-Za-z_]\w*\s*:))""")
_DECODER = json.JSONDecoder()


def json_object_of(text: str) -> Json | list[Any]:
    """The JSON object or list in what a model wrote: alone, in a code fence, or amid prose.

    Text that is almost JSON is mended (trailing commas, single quotes, a missing end).  Of several the
    longest counts.  Raises `BadRow("malformed_reply")` when there is none.
    """
    try:
        value = exact_json.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError, TypeError):
        value = _longest(text)
    if not isinstance(value, dict | list):
        raise BadRow("malformed_reply", f"the reply holds no JSON object or list: {text.strip()[:200]!r}")
    return value


def _longest(text: str) -> Any:
    fenced = [match.group(1) for match in _FENCE.finditer(text)]
    for part in (*sorted(fenced, key=len, reverse=True), text):
        try:
            found = max(_values(part), key=lambda pair: pair[0], default=None)
            if found is not None:
                return _without_surrogates(found[1])
        except (ValueError, RecursionError):
            continue  # nested beyond reason, or NaN, which is no JSON
    return None


def _values(text: str) -> Iterator[tuple[int, Any]]:
    """(length, value) of each object or list; the first that does not parse is mended and ends the text."""
    at = 0
    while (opening := _OPENING.search(text, at)) is not None:
        start = opening.start()
        try:
            value, at = _DECODER.raw_decode(text, start)
        except ValueError:
            mended: Any = repair_json(text[start:], return_objects=True, skip_json_loads=True)
            if isinstance(mended, dict | list) and mended:
                yield len(text) - start, mended
            return
        yield at - start, value
