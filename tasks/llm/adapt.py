"""Requests put so that an endpoint understands them, and its replies read accordingly.

A request for an endpoint that can do everything is sent as it is.  For others the same is asked for in
words: the request that results is a request of its own, with a digest of its own.  Of one that is longer
than the context the observations are shortened, the oldest first, down to their beginnings.  What comes
out depends on the request and on what the endpoint said of it alone, not on what else is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import prompts
from tasks.errors import BrokenContract, RequestRefused
from tasks.llm.budget import tokens_in_bytes
from tasks.llm.chat import ChatRequest, Json, Message, Reply, ToolSet, Transcript
from tasks.llm.failures import TOO_LONG
from tasks.llm.params import Capabilities, LlmParams
from tasks.llm.text_calls import may_hold_calls, read_calls
from tasks.text_budget.tokens import tokenizer_of

_MAY_NOT_CALL = "none"
_BOUNDS = frozenset({"minItems", "maxItems"})


def with_defaults(request: ChatRequest, params: LlmParams) -> ChatRequest:
    """The request with what it leaves open filled in from `[llm]`."""
    temperature = params.temperature if request.temperature is None else request.temperature
    max_tokens = params.max_tokens if request.max_tokens is None else request.max_tokens
    body = params.body or None
    if (temperature, max_tokens, body) == (request.temperature, request.max_tokens, request.body):
        return request  # as a rule already: copies are not cheap
    return replace(request, temperature=temperature, max_tokens=max_tokens, body=body)


def adapt_request(request: ChatRequest, capabilities: Capabilities) -> ChatRequest:
    """The request as this endpoint can be asked."""
    if request.tools is not None and not capabilities.tools:
        request = _with_functions_in_words(request, request.tools)
    else:
        request = prompted(request, always=not capabilities.free_order)
        if request.tool_choice == _MAY_NOT_CALL and not capabilities.tool_choice:
            request = replace(request, tools=None, tool_choice=None)
    if request.response_format is not None:
        request = _with_format(request, request.response_format, capabilities)
    if not (capabilities.free_order and capabilities.system):
        request = replace(request, transcript=_in_order(request.transcript, system=capabilities.system))
    return request if capabilities.seed else replace(request, seed=None)


def _in_order(transcript: Transcript, *, system: bool) -> Transcript:
    """The conversation for endpoints where roles must alternate; system: whether that one may speak."""
    messages = [
        message if system or message.role != "system" else Message("user", message.content)
        for message in transcript.messages()
    ]
    # What the user says after a function's result or after another word is joined to it.
    joins = {("user", "user"), ("tool", "user")}
    return Transcript.of(*_joined(messages, lambda held, new: (held.role, new.role) in joins))


def _joined(messages: list[Message], joins: Callable[[Message, Message], bool]) -> Iterator[Message]:
    """The messages; one that joins what is before it is no message of its own."""
    held: Message | None = None
    for message in messages:
        if held is not None and joins(held, message):
            held = replace(held, content=f"{held.content or ''}\n\n{message.content or ''}")
            continue
        if held is not None:
            yield held
        held = message
    if held is not None:
        yield held


def _is_same_role(held: Message, new: Message) -> bool:
    """Many chat templates want roles to alternate."""
    return held.role == new.role


def prompted(request: ChatRequest, *, always: bool = False) -> ChatRequest:
    """The request with a word behind each text of the model that nobody answered.

    Servers refuse a conversation that ends with the assistant, or go on writing its last message.  always:
    also where the request does not ask for it.
    """
    if not (request.answers_texts or always) or not request.transcript.n_texts:
        return request
    said = request.transcript.messages()
    messages: list[Message] = []
    for message, following in zip(said, (*said[1:], None), strict=True):
        messages.append(message)
        is_text = message.role == "assistant" and not message.tool_calls
        if is_text and (following is None or following.role == "assistant"):
            messages.append(Message("user", prompts.load("endpoint/go_on").render()))
    return replace(request, transcript=Transcript.of(*messages)) if len(messages) > len(said) else request


def restore_reply(reply: Reply, request: ChatRequest, capabilities: Capabilities) -> Reply:
    """The reply to `request`, the one that was meant, with the calls that it writes as text.

    A server that calls functions natively may leave one in the text, when its parser does not know the
    marks of the model or stumbles.
    """
    if request.tools is None or not reply.content or reply.tool_calls:
        return reply
    if request.tool_choice == _MAY_NOT_CALL or (capabilities.tools and not may_hold_calls(reply.content)):
        return reply
    functions = (tool["function"] for tool in request.tools.tools)
    schemas = {str(function["name"]): function.get("parameters") or {} for function in functions}
    thought, calls = read_calls(reply.content, schemas, left_over=capabilities.tools)
    return replace(reply, content=thought, tool_calls=calls) if calls else reply


def _with_functions_in_words(request: ChatRequest, tools: ToolSet) -> ChatRequest:
    messages = [_in_words(message) for message in request.transcript.messages()]
    if messages[-1].role == "assistant":
        messages.append(Message("user", prompts.load("endpoint/go_on").render()))
    if request.tool_choice != _MAY_NOT_CALL:
        functions = [tool["function"] for tool in tools.tools]
        told = prompts.load("endpoint/functions_in_words").render(functions=functions)
        messages.insert(int(messages[0].role == "system"), Message("system", told))
    alternating = _joined(messages, _is_same_role)
    return replace(request, transcript=Transcript.of(*alternating), tools=None, tool_choice=None)


def _in_words(message: Message) -> Message:
    if message.role == "tool":
        return Message("user", f"Observation: {message.content or ''}")
    if not message.tool_calls:
        return message if message.state is None else Message(message.role, message.content)
    said = [f"Thought: {message.content}"] if message.content else []
    said += [f"Action: {call.name}\nAction Input: {call.arguments}" for call in message.tool_calls]
    return Message(message.role, "\n".join(said))


def _with_format(request: ChatRequest, wanted: Json, capabilities: Capabilities) -> ChatRequest:
    kind = wanted.get("type")
    if kind == "json_schema" and capabilities.json_schema and not capabilities.bounds:
        return replace(request, response_format=_without_bounds(wanted))
    if (kind == "json_schema" and capabilities.json_schema) or kind not in {"json_schema", "json_object"}:
        return request
    if kind == "json_object" and capabilities.json_object:
        return request
    if kind == "json_schema":
        schema = wanted.get("json_schema", {}).get("schema", {})
        told = prompts.load("endpoint/json_schema").render(schema=schema)
    else:
        told = prompts.load("endpoint/json_object").render()
    said = _joined([*request.transcript.messages(), Message("user", told)], _is_same_role)
    return replace(
        request,
        transcript=Transcript.of(*said),
        response_format={"type": "json_object"} if capabilities.json_object else None,
    )


def _without_bounds(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_bounds(item) for name, item in value.items() if name not in _BOUNDS}
    return [_without_bounds(item) for item in value] if isinstance(value, list) else value


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


def fit_request(
    request: ChatRequest, capabilities: Capabilities, context: int | None, model: str
) -> ChatRequest:
    """The request as this endpoint can be asked, within its context where that is known."""
    whole = adapt_request(request, capabilities)
    if context is None or _fits_by_far(whole, context):
        return whole
    return _within(request, whole, capabilities, context - _reply(request, context), model)


def shorten_request(
    request: ChatRequest, refused: ChatRequest, overflow: Overflow, capabilities: Capabilities, model: str
) -> ChatRequest | None:
    """The request, put shorter than `refused`, which was too long; None when no more of it can be cut."""
    counted = _tokens(refused, model)
    room = counted * _SMALLER
    if overflow.context is not None and overflow.asked is not None:
        room = (overflow.context - _reply(request, overflow.context)) * counted / max(overflow.asked, 1)
    shortened = _within(
        request, adapt_request(request, capabilities), capabilities, min(room, counted - 1), model
    )
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
    request: ChatRequest, whole: ChatRequest, capabilities: Capabilities, room: float, model: str
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
    return adapt_request(replace(request, transcript=Transcript.of(*messages)), capabilities)


ENOUGH_TO_TELL = 10
# Some models think aloud before they call anything.
_THOUGHTS_BEFORE_A_CALL = 2
_LONGEST_QUOTE = 200


class FunctionWatch:
    """Watches the answers to requests that offer functions, over all searches of a run.

    Without calls a search goes on to its last permitted query and ends in nothing.  A server with
    function calling turned off, or a model that was never trained to call, answers so every time: after
    `ENOUGH_TO_TELL` of these and not a single call, all methods but `stored` raise `BrokenContract`.

    A stored reply counts only when it holds a call: the others may be from before the server was mended.
    """

    def __init__(
        self, *, model: str, where: str, in_words: Callable[[], bool] = lambda: False, must_call: bool = True
    ) -> None:
        """in_words: whether functions are told in words already, and calls read from the text.
        must_call: False: a model that never calls is what is being measured, and stops nothing.
        """
        self._must_call = must_call
        self._model = model
        self._where = where
        self._in_words = in_words
        self._has_called = False
        self._n_answers = 0
        self._n_without = 0
        self._n_too_long = 0
        self._last = ""

    def require(self, request: ChatRequest) -> None:
        """Before asking."""
        if not _offers(request) or self._has_called or self._n_without < ENOUGH_TO_TELL:
            return
        if self._must_call or self._n_too_long == self._n_without:
            raise self._broken()

    def _broken(self) -> BrokenContract:
        if self._n_too_long == self._n_without:
            return BrokenContract(
                f"the first {self._n_answers} requests that offer functions to the model {self._model!r} at "
                f"{self._where} are longer than its context; the last answer: {self._last}",
                fix="serve the model with a longer context (vLLM: --max-model-len; llama.cpp: --ctx-size), "
                "or lower [llm] max_tokens or the sizes in [sample]; then run the same command again: what "
                "is finished is kept",
            )
        mend = (
            "set [llm] model to one that can call functions (calls are read from its text already)"
            if self._in_words()
            else "turn function calling on at the server (vLLM: --enable-auto-tool-choice and the "
            "--tool-call-parser of that model; llama.cpp: --jinja), have calls written as text ([llm] "
            'tools = "text"), or set [llm] model to one that can call functions'
        )
        return BrokenContract(
            f"the model {self._model!r} at {self._where} called no function in its first "
            f"{self._n_answers} answers to requests that offer some; the last answer: {self._last}",
            fix=f"{mend}; then run the same command again: what is finished is kept",
        )

    def stored(self, request: ChatRequest, reply: Reply) -> None:
        if _offers(request) and reply.tool_calls:
            self._has_called = True

    def answered(self, request: ChatRequest, reply: Reply, *, ordinal: int) -> None:
        """ordinal: how many answers the row had before."""
        if not _offers(request):
            return
        self._n_answers += 1
        if reply.tool_calls:
            self._has_called = True
        elif ordinal >= _THOUGHTS_BEFORE_A_CALL:
            self._note(repr(reply.content))
            self.require(request)

    def refused(self, request: ChatRequest, refusal: RequestRefused) -> None:
        if _offers(request) and refusal.reason != "endpoint_failed":
            self._n_answers += 1
            self._n_too_long += refusal.reason == TOO_LONG
            self._note(refusal.message)
            self.require(request)

    def _note(self, answer: str) -> None:
        self._n_without += 1
        self._last = answer if len(answer) <= _LONGEST_QUOTE else f"{answer[:_LONGEST_QUOTE]} ..."


def _offers(request: ChatRequest) -> bool:
    return request.tools is not None and request.tool_choice != "none"
