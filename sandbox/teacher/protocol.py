"""OpenAI's chat protocol, as far as the teacher speaks it: checking requests, writing replies and errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson

Json = dict[str, Any]
_CHARACTERS_PER_TOKEN = 4.0

MODEL = "toolloom-teacher"
OWNER = "toolloom sandbox: rules, not a model"
# Constant, because replies are functions of the request alone.
CREATED = 1_767_225_600
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_FORMATS = frozenset({"text", "json_object", "json_schema"})


def count_tokens(text: str) -> int:
    """A plausible number of tokens; not those of any model."""
    return round(len(text) / _CHARACTERS_PER_TOKEN) + 1 if text else 0


@dataclass(frozen=True)
class Call:
    """A function call; arguments: its text, JSON unless a fault made it otherwise."""

    function: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """Text, a call, or both.  faults: names of the model faults that shaped it."""

    content: str | None = None
    calls: tuple[Call, ...] = ()
    cut: bool = False
    faults: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        return count_tokens(self.content or "") + sum(
            count_tokens(call.function) + count_tokens(call.arguments) for call in self.calls
        )

    @property
    def finish_reason(self) -> str:
        if self.cut:
            return "length"
        return "tool_calls" if self.calls else "stop"

    def within(self, max_tokens: int | None) -> Reply:
        """The reply as a model would leave it that has to stop after so many tokens."""
        if max_tokens is None or self.tokens <= max_tokens:
            return self
        left = int(max_tokens * _CHARACTERS_PER_TOKEN)
        content = (self.content or "")[:left]
        left -= len(content)
        calls = tuple(Call(call.function, call.arguments[:left]) for call in self.calls if left > 0)
        return replace(self, content=content or None, calls=calls, cut=True)

    def message(self, digest: str) -> Json:
        """The assistant message of the protocol; call ids come from the request's digest."""
        message: Json = {"role": "assistant", "content": self.content, "refusal": None}
        if self.calls:
            message["tool_calls"] = [
                {
                    "id": f"call_{digest[:20]}{number:02d}",
                    "type": "function",
                    "function": {"name": call.function, "arguments": call.arguments},
                }
                for number, call in enumerate(self.calls)
            ]
        return message


@dataclass(eq=False)
class ProtocolError(Exception):
    """An answer of the protocol's error form."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None

    def body(self) -> Json:
        return {
            "error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code},
        }


def parse(raw: bytes) -> Json:
    """The chat request as JSON, checked.  Raises `ProtocolError` as an endpoint would refuse it."""
    request = parse_object(raw)
    _check_messages(request.get("messages"))
    _check_tools(request)
    _check_settings(request)
    return request


def parse_object(raw: bytes) -> Json:
    """The request as JSON, for this model.  Raises `ProtocolError`."""
    try:
        request = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(400, f"The body is not valid JSON: {error}") from error
    if not isinstance(request, dict):
        raise ProtocolError(400, "The body must be a JSON object.")
    _check_model(request)
    return request


def _check_model(request: Json) -> None:
    model = request.get("model")
    if not isinstance(model, str):
        raise ProtocolError(400, "You must provide a model parameter.", param="model")
    if model != MODEL:
        raise ProtocolError(
            404, f"The model {model!r} does not exist; this server has {MODEL!r}.", code="model_not_found"
        )


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise ProtocolError(400, "'messages' must be a list of at least one message.", param="messages")
    offered: set[str] = set()
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise ProtocolError(400, f"'messages[{number}]' needs a known 'role'.", param="messages")
        offered.update(_call_ids(message, number))
        if message["role"] == "tool" and message.get("tool_call_id") not in offered:
            raise ProtocolError(
                400,
                f"'messages[{number}]' with role 'tool' must name an earlier tool call by 'tool_call_id'.",
                param="messages",
            )


def _call_ids(message: Json, number: int) -> list[str]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
        raise ProtocolError(
            400, f"'messages[{number}].tool_calls' must have an id and a function each.", param="messages"
        )
    return [call["id"] for call in calls]


def _is_call(call: Any) -> bool:
    return (
        isinstance(call, dict)
        and isinstance(call.get("id"), str)
        and isinstance(call.get("function"), dict)
        and isinstance(call["function"].get("name"), str)
        and isinstance(call["function"].get("arguments"), str)
    )


def _check_tools(request: Json) -> None:
    tools = request.get("tools")
    for number, tool in enumerate(tools or ()):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ProtocolError(400, f"'tools[{number}].function.name' is missing.", param="tools")
    choice = request.get("tool_choice")
    if choice is not None and not tools:
        raise ProtocolError(
            400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice"
        )
    if isinstance(choice, str) and choice not in {"none", "auto", "required"}:
        raise ProtocolError(400, f"Unknown 'tool_choice' {choice!r}.", param="tool_choice")
    names = {tool["function"]["name"] for tool in tools or ()}
    if isinstance(choice, dict) and (choice.get("function") or {}).get("name") not in names:
        raise ProtocolError(400, "'tool_choice' names no function of 'tools'.", param="tool_choice")


def _check_settings(request: Json) -> None:
    if request.get("stream"):
        raise ProtocolError(400, "This server does not stream; leave 'stream' out.", param="stream")
    if request.get("n") not in {None, 1}:
        raise ProtocolError(400, "This server gives one choice; leave 'n' out.", param="n")
    kind = (request.get("response_format") or {}).get("type", "text")
    if kind not in _FORMATS:
        raise ProtocolError(400, f"Unknown 'response_format' {kind!r}.", param="response_format")
    limit = token_limit(request)
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ProtocolError(400, "'max_tokens' must be a positive integer.", param="max_tokens")


def token_limit(request: Json) -> int | None:
    """The longest reply asked for, under its old or its new name."""
    limit: int | None = request.get("max_completion_tokens") or request.get("max_tokens")
    return limit


def completion(reply: Reply, *, digest: str, tokens_in: int) -> Json:
    """The `chat.completion` object."""
    return {
        "id": f"chatcmpl-{digest}",
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": reply.message(digest),
                "logprobs": None,
                "finish_reason": reply.finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": reply.tokens,
            "total_tokens": tokens_in + reply.tokens,
        },
        "system_fingerprint": None,
    }


def tokens_of_request(raw: bytes) -> int:
    """A plausible prompt size: JSON syntax and escapes are not what a model counts, so a little less."""
    return max(1, round(count_tokens(raw.decode("utf-8", "replace")) * 0.9))


def models() -> Json:
    model = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": OWNER}
    return {"object": "list", "data": [model]}
