"""The context window of a model: what tells how long it is, and requests that keep within it.

Of a request that is too long the observations are shortened, the oldest first, down to their beginnings.
What comes out depends on the request and on what the endpoint said of it alone, not on what else is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tasks.errors import RequestRefused
from tasks.llm.abilities import Abilities
from tasks.llm.chat import ChatRequest, Transcript
from tasks.llm.costs import tokens_in_bytes
from tasks.llm.wording import understood
from tasks.shaping.tokens import tokenizer_of

TOO_LONG = "context_too_long"

# What servers call it in their list of models: LM Studio, vLLM and SGLang, Groq, OpenRouter and Together,
# Mistral; llama.cpp has it within `meta`.
_FIELDS = ("loaded_context_length", "max_model_len", "n_ctx", "context_window", "context_length")
_LESSER_FIELDS = ("max_context_length",)
_LIMITS = re.compile(
    r"(?:maximum context length (?:is|of)|available context size \(|context length of only|model with"
    r"|maximum model length of|tokens >|number of tokens allowed \(|must be <=|context length \("
    r"|n_ctx\W{1,4})"
    r"\s*([\d,]*\d)",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"(?:\(([\d,]*\d) in the messages|([\d,]*\d) tokens from the input|resulted in ([\d,]*\d)"
    r"|request \(([\d,]*\d) tokens|prompt contains ([\d,]*\d)|prompt \(length ([\d,]*\d)"
    r"|too long: ([\d,]*\d)|token count \(([\d,]*\d)|given: ([\d,]*\d)|input \(([\d,]*\d) tokens"
    r"|keep the first ([\d,]*\d)|has ([\d,]*\d) input tokens|\(([\d,]*\d) of text input)",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"exceeds? the (?:available |model's )?context|context (?:length|window|size)\b.{0,40}exceed"
    r"|reduce the length of the (?:messages|input|prompt)|input is too long|prompt is too long",
    re.IGNORECASE,
)
# Of a reply, where `[llm] max_tokens` says nothing.
_USUAL_REPLY = 1024
_SHORTEST_OBSERVATION = 48
_TOKENS_AROUND_A_MESSAGE = 8
# The tokens are another model's, and the server's template adds some.
_ALLOWANCE = 1.1
_SMALLER = 0.75


def context_in(listing: Any, model: str) -> int | None:
    """Tokens that a model can see, as the answer to GET /models tells them, if it does."""
    entries = listing.get("data") if isinstance(listing, dict) else None
    known = [entry for entry in entries or () if isinstance(entry, dict)]
    named = [entry for entry in known if entry.get("id") == model] or (known if len(known) == 1 else [])
    for entry in named:
        meta = entry.get("meta")
        places: list[Mapping[str, Any]] = [entry, meta if isinstance(meta, dict) else {}]
        for name in (*_FIELDS, *_LESSER_FIELDS):
            for place in places:
                if (found := _number(place.get(name))) is not None:
                    return found
    return None


def context_in_props(props: Any) -> int | None:
    """Likewise, as llama.cpp's GET /props tells them: of one slot, for requests are served side by side."""
    settings = props.get("default_generation_settings") if isinstance(props, dict) else None
    return _number(settings.get("n_ctx")) if isinstance(settings, dict) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


@dataclass(frozen=True, slots=True)
class Overflow:
    """What a refusal says of a request that is too long.  None: that, it does not say."""

    context: int | None
    asked: int | None

    @classmethod
    def of(cls, refusal: RequestRefused) -> Overflow | None:
        limit, asked = _LIMITS.search(refusal.message), _ASKED.search(refusal.message)
        if limit is None and refusal.reason != TOO_LONG and _WORDS.search(refusal.message) is None:
            return None
        found = [None if match is None else match[match.lastindex or 0] for match in (limit, asked)]
        return cls(*(None if text is None else int(text.replace(",", "")) for text in found))


def put(request: ChatRequest, abilities: Abilities, context: int | None, model: str) -> ChatRequest:
    """The request as this endpoint can be asked, within its context where that is known."""
    whole = understood(request, abilities)
    if context is None or _fits_by_far(whole, context):
        return whole
    return _within(request, whole, abilities, context - _reply(request, context), model)


def shorter(
    request: ChatRequest, refused: ChatRequest, overflow: Overflow, abilities: Abilities, model: str
) -> ChatRequest | None:
    """The request, put shorter than `refused`, which was too long; None when no more of it can be cut."""
    counted = _tokens(refused, model)
    room = counted * _SMALLER
    if overflow.context is not None and overflow.asked is not None:
        room = (overflow.context - _reply(request, overflow.context)) * counted / max(overflow.asked, 1)
    shortened = _within(request, understood(request, abilities), abilities, min(room, counted - 1), model)
    return shortened if _tokens(shortened, model) < counted else None


def _reply(request: ChatRequest, context: int) -> int:
    return request.max_tokens or min(_USUAL_REPLY, context // 4)


def _fits_by_far(request: ChatRequest, context: int) -> bool:
    n_bytes = 0 if request.tools is None else sum(map(len, request.tools.texts))
    for message in request.transcript.messages():
        n_bytes += len((message.content or "").encode())
        n_bytes += sum(len(call.arguments.encode()) + len(call.name) for call in message.tool_calls)
        n_bytes += _TOKENS_AROUND_A_MESSAGE
    return tokens_in_bytes(n_bytes) + _reply(request, context) <= context


def _tokens(request: ChatRequest, model: str) -> float:
    tokenizer = tokenizer_of(model)
    texts = [] if request.tools is None else [request.tools.text.decode()]
    for message in request.transcript.messages():
        texts += [message.content or "", *(f"{call.name} {call.arguments}" for call in message.tool_calls)]
    around = _TOKENS_AROUND_A_MESSAGE * len(request.transcript)
    return _ALLOWANCE * (sum(map(tokenizer.count, texts)) + around)


def _within(
    request: ChatRequest, whole: ChatRequest, abilities: Abilities, room: float, model: str
) -> ChatRequest:
    """The request with its observations shortened until it has `room`.  whole: as it is put without that."""
    too_many = (_tokens(whole, model) - room) / _ALLOWANCE
    if too_many <= 0:
        return whole
    tokenizer = tokenizer_of(model)
    messages = list(request.transcript.messages())
    for number, message in enumerate(messages):
        if message.role != "tool" or too_many <= 0:
            continue
        content = message.content or ""
        before = tokenizer.count(content)
        cut = tokenizer.cut(content, max(_SHORTEST_OBSERVATION, int(before - too_many)))
        messages[number] = replace(message, content=cut)
        too_many -= before - tokenizer.count(cut)
    return understood(replace(request, transcript=Transcript.of(*messages)), abilities)
