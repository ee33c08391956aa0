"""From the bytes of a chat completion to a `Reply`, and from a model's text to JSON.  Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from json_repair import repair_json

from tasks import exact_json
from tasks.errors import BadRow, ServerFailed, ToolloomError
from tasks.llm.chat import Json, Reply, ToolCall, Usage
from tasks.llm.failures import BrokenOff, MalformedReply, failure_of
from tasks.llm.thinking import without_thinking


def written_json(value: Any) -> str:
    """Compact JSON text of what a model wrote, whatever its numbers and characters."""
    try:
        return exact_json.dumps(value).decode()
    except TypeError:
        return exact_json.text_of(value)


REFUSAL = "refusal"

# What a message and a call have in the protocol, and what servers add that is no state of theirs.
_FIELDS = frozenset(
    {"role", "content", "tool_calls", "function_call", "refusal", "audio", "images", "annotations", "name"}
    | {"prefix", "parsed", "index", "tool_call_id"}
)
_CALL_FIELDS = frozenset({"id", "type", "index", "function"})
_FUNCTION_FIELDS = frozenset({"name", "arguments", "parsed_arguments"})
# The first that holds text is what was thought; gateways repeat it under several names.
_THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")


def parse_reply(body: bytes, *, model: str = "") -> Reply:
    """The reply in a chat completion.

    Mends what endpoints are known to differ in: arguments given as an object, missing or repeated call
    ids ("" instead, for the search to give one), the older `function_call`, text given in parts, a refusal
    (its text becomes the content, `refusal` the finish reason), token counts of other dialects.  Thinking
    is taken off the content, fields that the endpoint wants back are kept as `state`.  Missing usage is
    `Usage(0, 0)`, which no real reply has.  Raises `MalformedReply` for anything that is no chat
    completion, and the error itself where an error is wrapped in a success.
    """
    return reply_of(_loads(body), model=model)


def reply_of(decoded: Any, *, model: str = "") -> Reply:
    """The reply in a decoded chat completion; mends and raises as `parse_reply` does."""
    completion = _object(decoded, "the answer")
    wrapped = error_in_success(completion)
    if wrapped is not None:
        raise wrapped
    choices = completion.get("choices")
    choice = _object(choices[0] if isinstance(choices, list) and choices else None, "choices[0]")
    message = _object(choice.get("message"), "choices[0].message")
    content, thinking = _text(message.get("content"))
    refusal, _ = _text(message.get("refusal"))
    refused = bool(refusal) and not content
    further = {name: message[name] for name in message.keys() - _FIELDS}
    return Reply(
        content=refusal if refused else content,
        tool_calls=_tool_calls(message),
        finish_reason=REFUSAL if refused else _optional_word(choice.get("finish_reason")),
        usage=usage_in(completion, choice),
        model=_optional_word(completion.get("model")) or model,
        thinking=_thinking_in(further) or thinking if further else thinking,
        state=_state(further) if further else None,
    )


# DeepSeek and GLM end a reply so when a machine of theirs fails; OpenRouter, vLLM, SGLang and gateways.
_FAILED_FINISHES = frozenset(
    {"error", "abort", "aborted", "network_error", "insufficient_system_resource", "failed", "failure"}
    | {"server_error", "internal_error", "cancelled", "canceled", "timeout"}
)
_USUAL_FINISHES = ("stop", "tool_calls")


def error_in_success(parsed: Any) -> ToolloomError | None:
    """The error that some gateways wrap in HTTP 200: `{"error": {"code": 429, ...}}`, or in a choice."""
    if not isinstance(parsed, dict):
        return None
    choices = parsed.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    finish = choice.get("finish_reason")
    message = choice.get("message")
    is_told_anywhere = (
        "error" in parsed or "error" in choice or not isinstance(message, dict) or "error" in message
    )
    if finish in _USUAL_FINISHES and not is_told_anywhere:
        return None
    failed = isinstance(finish, str) and finish.lower() in _FAILED_FINISHES
    of_message = message.get("error") if isinstance(message, dict) else None
    of_all = parsed.get("error")
    error = choice.get("error") or of_message or (of_all if failed or _is_told(of_all, choice) else None)
    if not error and not failed:
        return None
    code = error.get("code") or error.get("status") if isinstance(error, dict) else None
    status = int(code) if isinstance(code, int | str) and re.fullmatch(r"[45]\d\d", str(code)) else 500
    told = {"error": error or f"the reply ended with finish_reason {finish!r}"}
    failure = failure_of(status, {}, json.dumps(told, default=str).encode())
    return BrokenOff(failure.message) if choice and isinstance(failure, ServerFailed) else failure


def _is_told(error: Any, choice: Mapping[str, Any]) -> bool:
    """Whether it counts: beside a choice that says something only when it has words of its own."""
    message = choice.get("message")
    if not isinstance(message, dict) or not (message.get("content") or message.get("tool_calls")):
        return True
    return bool(error.get("message") if isinstance(error, dict) else isinstance(error, str) and error)


def _loads(body: bytes) -> Any:
    try:
        return exact_json.loads(body)
    except orjson.JSONDecodeError:
        pass
    # A reply cut inside an emoji holds half of it, which is JSON but no text that can be passed on.
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


def _optional_word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _text(content: Any) -> tuple[str | None, str | None]:
    """(what is said, what was thought) in a content given whole or in parts.

    "" and none at all are not the same (`search.rules`).
    """
    thought: str | None = None
    if isinstance(content, list):
        parts = [{"text": part} if isinstance(part, str) else part for part in content]
        parts = [part for part in parts if isinstance(part, dict)]
        thought = "".join(_texts([part for part in parts if _is_thought(part)])) or None
        spoken = (part.get("text") or part.get("refusal") or "" for part in parts if not _is_thought(part))
        content = "".join(map(str, spoken)) or None
    if content is not None and not isinstance(content, str):
        raise MalformedReply(f"the answer is no chat completion: content is {_kind(content)}, not text")
    if not content:
        return content, thought
    said, marked = without_thinking(content)
    return said, thought or marked


def _is_thought(part: Json) -> bool:
    return str(part.get("type", "")).partition(".")[0] in {"thinking", "reasoning", "redacted_thinking"}


def _texts(value: Any) -> Iterator[str]:
    """The texts in a thinking field, in whatever way it is nested."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        yield from _texts(next((value[name] for name in _THOUGHT_TEXTS if value.get(name)), None))


_THOUGHT_TEXTS = ("text", "thinking", "summary", "content", "reasoning")


def _thinking_in(further: Json) -> str | None:
    for name in _THINKING_FIELDS:
        text = "".join(_texts(further.get(name))).strip()
        if text:
            return text
    return None


def _state(further: Json) -> Json | None:
    """What may be said again: no field that is empty (DeepSeek wants an empty `reasoning_content`, too)."""
    told = {
        name: value
        for name, value in sorted(further.items())
        if value or (name == "reasoning_content" and value == "")
    }
    if not told:
        return None
    try:
        orjson.dumps(told)
    except TypeError:  # what is decoded by others may hold halves of emojis, numbers any longer ones
        try:
            told = orjson.loads(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"))
        except (TypeError, ValueError, RecursionError):
            return None
    return told


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
        call_id = ""
    taken.add(call_id)
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = "{}" if arguments is None else written_json(arguments)
    return ToolCall(
        id=call_id,
        name=str(function.get("name") or ""),
        arguments=arguments,
        state=_call_state(entry, function),
    )


def _call_state(entry: Json, function: Json) -> Json | None:
    if entry.keys() <= _CALL_FIELDS and function.keys() <= _FUNCTION_FIELDS:
        return None
    further = {name: entry[name] for name in entry.keys() - _CALL_FIELDS}
    of_function = {name: function[name] for name in function.keys() - _FUNCTION_FIELDS}
    return _state({**further, "function": _state(of_function)})


_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
# Where an object or a list may begin; "[as you asked]" in prose is neither.
_OPENING = re.compile(r"""[\[{](?=\s*(?:["'{\[\]}\d-]|true|false|null|[A-Za-z_]\w*\s*:))""")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_number_of = exact_json.number_of
_DECODER = json.JSONDecoder(parse_int=_number_of, parse_float=_number_of, parse_constant=_no_constant)


def json_object_of(text: str) -> Json | list[Any]:
    """The JSON object or list in what a model wrote: alone, in a code fence, or amid prose.

    Text that is almost JSON is mended (trailing commas, single quotes, a missing end).  Of several the
    longest counts; drafts within thinking do not.  Raises `BadRow("malformed_reply")` when there is none.
    """
    text = without_thinking(text)[0] or ""
    try:
        value = exact_json.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError, TypeError):
        value = _longest(text)
    if not isinstance(value, dict | list):
        raise BadRow("malformed_reply", f"the reply holds no JSON object or list: {text.strip()[:200]!r}")
    return value


def json_values(text: str) -> Iterator[tuple[int, int, Json | list[Any]]]:
    """(start, end, value) of each object and list.

    The first that does not parse is mended, and is the last; what is nested beyond reason is none.
    """
    at = 0
    while (opening := _OPENING.search(text, at)) is not None:
        start = opening.start()
        try:
            value, at = _DECODER.raw_decode(text, start)
        except ValueError:
            mended = _mended(text[start:].partition("\n```")[0])
            if isinstance(mended, dict | list) and mended:
                yield start, len(text), mended
            return
        except RecursionError:
            return
        yield start, at, value


def _mended(text: str) -> Any:
    try:
        return repair_json(text, return_objects=True, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None


def _longest(text: str) -> Any:
    fenced = [match.group(1) for match in _FENCE.finditer(text)]
    for part in (*sorted(fenced, key=len, reverse=True), text):
        try:
            found = max(json_values(part), key=lambda found: found[1] - found[0], default=None)
            if found is not None:
                return _without_surrogates(found[2])
        except (ValueError, RecursionError):
            continue  # nested beyond reason, or NaN, which is no JSON
    return None


# OpenAI, DeepSeek; Anthropic, OpenAI's newer protocol, Bedrock; Gemini; Ollama.  Written without "_".
_IN = ("prompttokens", "inputtokens", "prompttokencount", "promptevalcount", "input")
_OUT = ("completiontokens", "outputtokens", "candidatestokencount", "evalcount", "output")
_TOTAL = ("totaltokens", "totaltokencount")
# What went in but was read from a cache or written to it; Anthropic and Bedrock count it apart.
_CACHED = ("cachecreationinputtokens", "cachereadinputtokens", "cachewriteinputtokens")
_DETAILS = ("completiontokensdetails", "outputtokensdetails")
_THOUGHTS = ("reasoningtokens", "thinkingtokens")
_PLAIN = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
    }
)
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
# No reply could have so many.
_TOO_MANY = 10**9


def usage_in(completion: Json, choice: Json) -> Usage:
    """What a completion says it took; `Usage(0, 0)` where it says nothing."""
    told = completion.get("usage")
    if isinstance(told, dict) and _is_plain(told):
        return Usage(told["prompt_tokens"], told["completion_tokens"])
    other = (completion.get(name) for name in ("usageMetadata", "usage_metadata", "x_groq"))
    found = map(_usage, (told, choice.get("usage"), *other, completion))
    return next((usage for usage in found if usage.total), Usage())


def _is_plain(told: Json) -> bool:
    """Whether the numbers are as OpenAI tells them, and agree."""
    tokens_in, tokens_out = told.get("prompt_tokens"), told.get("completion_tokens")
    return (
        type(tokens_in) is int
        and type(tokens_out) is int
        and 0 < tokens_in < _TOO_MANY
        and 0 <= tokens_out < _TOO_MANY
        and told.get("total_tokens") == tokens_in + tokens_out
        and told.keys() <= _PLAIN
        and _are_parts(told.get("completion_tokens_details"), tokens_out)
    )


def _are_parts(details: Any, tokens_out: int) -> bool:
    """Whether what is told of the parts of a reply, if anything, fits into the whole."""
    if not details:
        return True
    if isinstance(details, dict) and all(type(n) is int and n <= tokens_out for n in details.values()):
        return True  # as most say it, with nothing to read
    return _thoughts(details) <= tokens_out


def _usage(told: Any) -> Usage:
    if isinstance(told, list):  # a part for each of several models or steps, or the only one
        parts = [_usage(part) for part in told]
        return Usage(sum(part.tokens_in for part in parts), sum(part.tokens_out for part in parts))
    if not isinstance(told, dict):
        return Usage()
    counts = _counts(told)
    tokens_in, tokens_out = _in(counts), _out(counts)
    tokens_out = max(tokens_out, _largest(counts, _TOTAL) - tokens_in)
    if not tokens_in and not tokens_out:
        inner = (told.get(name) for name in ("usage", "tokens", "billed_units"))  # Groq, Cohere
        return next((_usage(place) for place in inner if isinstance(place, dict)), Usage())
    return Usage(tokens_in, tokens_out)


def _in(counts: Json) -> int:
    told = _largest(counts, _IN)
    cached = sum(_count(counts.get(name)) for name in _CACHED)
    if "prompttokens" not in counts or cached > told:
        told += cached
    of_cache = _count(counts.get("promptcachehittokens")) + _count(counts.get("promptcachemisstokens"))
    return max(told, of_cache) + _count(counts.get("tooluseprompttokencount"))


def _out(counts: Json) -> int:
    told = _largest(counts, _OUT)
    thoughts = max(_largest(counts, _THOUGHTS), *(_thoughts(counts.get(name)) for name in _DETAILS))
    # A part cannot be larger than the whole: then it is told apart, as Gemini always does.
    return told + (thoughts if thoughts > told else 0) + _count(counts.get("thoughtstokencount"))


def _thoughts(details: Any) -> int:
    return _largest(_counts(details), _THOUGHTS) if isinstance(details, dict) else 0


def _counts(told: Json) -> Json:
    """By names that dialects write alike."""
    return {str(name).replace("_", "").lower(): value for name, value in told.items()}


def _largest(counts: Json, names: tuple[str, ...]) -> int:
    return max(_count(counts.get(name)) for name in names)


def _count(value: Any) -> int:
    """Whole or not, a number or its text; what cannot be a count is none."""
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value.strip()) else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _TOO_MANY:
        return 0
    return math.ceil(value)
