"""The openai client set up for many requests in flight, its failures told in our own terms.

Bodies are sent as ready bytes and answers read as bytes: walking the messages and tools of each request
through the client's types costs several times what the request itself does (see
benchmarks/bench_model_client.py).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import httpx2
import openai
import orjson
from openai import RequestOptions

from tasks import exact_json
from tasks.errors import ConnectionFailed, RequestRefused, ToolloomError, UsageError
from tasks.llm.budget import Payment, tokens_in_bytes
from tasks.llm.chat import ChatRequest, Json, Reply
from tasks.llm.failures import (
    Ambiguous,
    KeyRefused,
    MalformedReply,
    TimedOut,
    broken_connection,
    failure_of,
    refusal_in,
    wants_other_length_field,
)
from tasks.llm.params import LlmParams
from tasks.llm.replies import parse_reply
from tasks.transport.proxies import is_loopback
from tasks.transport.redactor import NO_SECRETS, Redactor, key_from

_CONNECT_S = 10.0
_LISTING_S = 30.0
# Many servers close an idle connection after 5 seconds; one that is closing must not be reused.
_KEEP_IDLE_S = 4.0
# So many refusals in a row that may concern all requests do.
_REFUSED_IN_A_ROW = 10
_FIELDS_OF_MESSAGES = frozenset({"role", "content", "tool_calls", "tool_call_id", "name"})
_FIELDS_OF_CALLS = frozenset({"id", "type", "function"})
_IS_MISSING = re.compile(r"missing|required|must be (?:passed|provided|present)|passed back", re.IGNORECASE)
_LLAMA = "llamacpp"


# The protocol renamed the field, and endpoints take one or the other.
_LENGTH_FIELD, _NEWER_LENGTH_FIELD = "max_tokens", "max_completion_tokens"


class FieldRefused(Exception):
    """The endpoint takes the request in another form only; the same request is then sent again."""


class LengthFieldRefused(FieldRefused):
    """It wants `max_completion_tokens` where the older protocol says `max_tokens`."""


class StateRefused(FieldRefused):
    """It sends fields with its messages that it does not take back; later bodies leave them out."""


@dataclass(slots=True)
class PreparedRequest:
    """A request on its way, and what pays for it.

    attempts: tries at most.  sent_at: when the last one left.  pause_s: what the endpoint wants of it before
    the next, after it was refused so many times (`n_refused`) for coming too fast.
    """

    request: ChatRequest
    body: bytes
    length_field: str
    attempts: int
    payment: Payment
    sent_at: float = 0.0
    pause_s: float = 0.0
    n_refused: int = 0


class Asks(Protocol):
    """A layer."""

    async def ask(self, prepared: PreparedRequest) -> Reply: ...


class Client:
    """One endpoint's HTTP side.  Use it in one event loop; `close` it there."""

    path = "/chat/completions"

    def __init__(self, params: LlmParams, redactor: Redactor = NO_SECRETS) -> None:
        """redactor: of other configured keys than the endpoint's own."""
        self.params = params
        self.where = _without_secrets(params.base_url)
        self.context: int | None = None  # as the list of models told it last
        self._key = _key_of(params)
        self._redactor = Redactor([*redactor.secrets, *([self._key] if self._key else [])])
        # The client insists on a key; without one the header that would carry it is left out.
        self._options: RequestOptions = {} if self._key else {"headers": {"Authorization": openai.omit}}
        self._has_answered = False
        self._refused_in_a_row = 0
        self._unwanted: frozenset[str] = frozenset()
        self._length_field = _LENGTH_FIELD
        self._openai = openai.AsyncOpenAI(
            base_url=params.base_url,
            api_key=self._key or "none",
            max_retries=0,
            http_client=openai.DefaultAioHttpClient(
                follow_redirects=False,
                trust_env=not is_loopback(urlsplit(params.base_url).hostname or ""),
                timeout=httpx2.Timeout(params.timeout_s, connect=min(_CONNECT_S, params.timeout_s)),
                limits=httpx2.Limits(
                    max_connections=params.concurrency,
                    max_keepalive_connections=params.concurrency,
                    keepalive_expiry=_KEEP_IDLE_S,
                ),
            ),
        )

    def prepare(self, request: ChatRequest, payment: Payment, attempts: int) -> PreparedRequest:
        """The request as it will be sent."""
        body = self._body(request)
        payment.tokens_in, payment.max_tokens = tokens_in_bytes(len(body)), request.max_tokens or 0
        return PreparedRequest(request, body, self._length_field, attempts, payment)

    def use_newer_length_field(self, prepared: PreparedRequest) -> None:
        """The endpoint refused the older one: this request and all later ones have the newer."""
        self._length_field = prepared.length_field = _NEWER_LENGTH_FIELD
        prepared.body = self._body(prepared.request)

    def _body(self, request: ChatRequest) -> bytes:
        optional: Mapping[str, object] = {
            "tools": None if request.tools is None else orjson.Fragment(request.tools.text),
            "tool_choice": request.tool_choice,
            "response_format": request.response_format,
            "temperature": request.temperature,
            self._length_field: request.max_tokens,
            "seed": request.seed,
        }
        body: Json = {
            "model": self.params.model,
            "messages": [message.wire() for message in request.transcript.messages()],
        }
        body.update({name: value for name, value in optional.items() if value is not None})
        body.update(request.body or {})
        return orjson.dumps(body)

    async def ask(self, prepared: PreparedRequest) -> Reply:
        """One try, booked and stored as soon as its reply is here: a kill loses no more than are in flight.

        Raises as `chat` does; `RequestRefused` where not even the newer field will do.
        """
        if prepared.length_field != self._length_field:
            self.use_newer_length_field(prepared)
        payment = prepared.payment
        payment.tries += 1
        prepared.sent_at = monotonic()
        payment.sent()
        try:
            reply = await self.chat(prepared.body)
        except LengthFieldRefused as refused:
            if prepared.length_field == _NEWER_LENGTH_FIELD:
                raise RequestRefused("endpoint_refused", str(refused)) from refused
            self.use_newer_length_field(prepared)
            raise
        payment.received(reply)
        await payment.keep(reply)
        return reply

    async def chat(self, body: bytes) -> Reply:
        """Asks once.  Raises the errors of `tasks.llm.failures` and `FieldRefused`.

        A refusal that may concern all requests is taken for that while none was answered, and when it is
        the answer to many in a row.
        """
        body = self.acceptable(body)
        try:
            reply = self.parsed(await self._exchange("POST", self.path, body))
        except Ambiguous as refusal:
            self._refused_in_a_row += 1
            if not self._has_answered or self._refused_in_a_row >= _REFUSED_IN_A_ROW:
                of_all = refusal.of_all
                raise (self._key_refused(of_all) if isinstance(of_all, KeyRefused) else of_all) from refusal
            raise
        except RequestRefused as refusal:
            self._has_answered = True  # it has a model, and takes the key
            if self.leaves_out(refusal, body):
                raise StateRefused(refusal.message) from refusal
            raise
        self._has_answered, self._refused_in_a_row = True, 0
        return reply

    def parsed(self, answer: bytes) -> Reply:
        """The reply in an answer.  Raises `MalformedReply`."""
        return parse_reply(answer, model=self.params.model)

    def acceptable(self, body: bytes) -> bytes:
        """The body without the fields that the endpoint was found not to take back."""
        return without_fields(body, self._unwanted)

    def leaves_out(self, refusal: RequestRefused, body: bytes) -> bool:
        """Whether this body, as it was sent, is refused for such fields; from then on they are left out."""
        unwanted = fields_refused(refusal.message, body)
        self._unwanted |= unwanted
        return bool(unwanted)

    async def models(self) -> list[str]:
        """Names of the models the endpoint says it offers; raises `MalformedReply` when it lists none so."""
        body = await self._exchange("GET", "/models", b"")
        try:
            listing = orjson.loads(body)
            names = sorted(str(entry["id"]) for entry in listing["data"])
        except (orjson.JSONDecodeError, LookupError, TypeError) as error:
            raise MalformedReply("GET /models did not answer with a list of models") from error
        self.context = context_in(listing, self.params.model)
        if self.context is None and any(entry.get("owned_by") == _LLAMA for entry in listing["data"]):
            self.context = await self._context_of_llama()
        return names

    async def _context_of_llama(self) -> int | None:
        """llama.cpp says it beside the protocol's routes."""
        props = self.where.rstrip("/").removesuffix("/v1") + "/props"
        try:
            return context_in_props(orjson.loads(await self._exchange("GET", props, b"")))
        except (ToolloomError, orjson.JSONDecodeError):
            return None

    @property
    def sdk(self) -> openai.AsyncOpenAI:
        """For the endpoint's other routes; inside `translated_failures`, and with `headers` as extra ones."""
        return self._openai

    @property
    def headers(self) -> Mapping[str, str | openai.Omit]:
        return self._options.get("headers") or {}

    async def close(self) -> None:
        await self._openai.close()

    async def _exchange(self, method: str, path: str, body: bytes) -> bytes:
        limit = self.params.timeout_s if method == "POST" else min(_LISTING_S, self.params.timeout_s)
        kind, options = httpx2.Response, self._options
        async with self.translated_failures(limit):
            if method == "GET":
                response = await self._openai.get(path, cast_to=kind, options=options)
            else:
                response = await self._openai.post(path, content=body, cast_to=kind, options=options)
        return self.without_key(response.content)

    @asynccontextmanager
    async def translated_failures(self, limit_s: float) -> AsyncIterator[None]:
        """What goes wrong in an exchange by `sdk`, in the terms of `tasks.llm.failures`."""
        try:
            async with asyncio.timeout(limit_s):
                yield
        except openai.APIStatusError as error:
            self._raise_for(error.response)
            raise  # never reached: every status has its error
        except (openai.APIConnectionError, aiohttp.ClientError) as error:
            raise self._redacted(broken_connection(error)) from error
        except TimeoutError as error:
            raise TimedOut(f"no complete answer within {limit_s:g} s ([llm] timeout_s)") from error
        except OSError as error:
            raise self._redacted(broken_connection(error)) from error

    def _redacted(self, failure: ConnectionFailed) -> ConnectionFailed:
        """The failure in words without a key: the address of a proxy may hold one."""
        failure.message = self._redactor.redact(failure.message)
        return failure

    def _raise_for(self, response: httpx2.Response) -> None:
        body = self.without_key(response.content)
        if response.status_code == 400 and wants_other_length_field(body):
            raise LengthFieldRefused(refusal_in(body).message)
        failure = failure_of(response.status_code, response.headers, body)
        raise self._key_refused(failure) if isinstance(failure, KeyRefused) else failure

    def _key_refused(self, failure: KeyRefused) -> KeyRefused:
        """Of a 401 nothing is repeated, since it may quote the key in another form; a 403 says why."""
        name, status = self.params.api_key_env, failure.status
        said = f"HTTP {status}" if status == 401 else failure.message.partition(" (")[2].removesuffix(")")
        if name is None:
            return KeyRefused(
                f"the model endpoint {self.where} wants a key ({said})",
                status=status,
                fix="set [llm] api_key_env to the name of the environment variable that holds it",
            )
        return KeyRefused(
            f"the model endpoint {self.where} refuses the key from ${name} ({said})",
            status=status,
            fix=f"put a valid key into the environment variable {name}"
            + ("" if status == 401 else ", or have it admitted to this model"),
        )

    def without_key(self, body: bytes) -> bytes:
        """What was received, should it quote a key."""
        return self._redactor.redact_bytes(body)


def fields_refused(said: str, body: bytes) -> frozenset[str]:
    """Fields of earlier replies in a body that the endpoint names as none it takes."""
    if _IS_MISSING.search(said) is not None:
        return frozenset()
    return frozenset(name for name in _state_fields(orjson.loads(body)) if name in said)


def _state_fields(request: Any) -> Iterator[str]:
    for message in request["messages"]:
        yield from message.keys() - _FIELDS_OF_MESSAGES
        for call in message.get("tool_calls") or ():
            yield from call.keys() - _FIELDS_OF_CALLS


def without_fields(body: bytes, names: frozenset[str]) -> bytes:
    """The body without such fields of its messages and their calls."""
    if not names:
        return body
    request = exact_json.loads(body)
    for message in request["messages"]:
        for holder in (message, *(message.get("tool_calls") or ())):
            for name in names & holder.keys():
                del holder[name]
    return exact_json.dumps(request)


def _key_of(params: LlmParams) -> str | None:
    if params.api_key_env is None:
        return None
    named_by = "[llm] api_key_env names the environment variable"
    return key_from(
        params.api_key_env, named_by, otherwise="remove api_key_env if the endpoint needs none"
    ).strip()


def _without_secrets(base_url: str) -> str:
    """The address, which error texts show, so that it must hold no secret."""
    parts = urlsplit(base_url)
    if parts.username or parts.password or parts.query:
        raise UsageError(
            "[llm] base_url holds credentials or a query",
            fix="leave only scheme, host and path in it; a key belongs into the environment variable "
            "that [llm] api_key_env names",
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(
            "[llm] base_url is not an http(s) address",
            fix='write it in full, as in base_url = "http://127.0.0.1:8000/v1"',
        )
    return base_url


# What servers call it in their list of models: LM Studio, vLLM and SGLang, Groq, OpenRouter and Together,
# Mistral; llama.cpp has it within `meta`.
_FIELDS = ("loaded_context_length", "max_model_len", "n_ctx", "context_window", "context_length")
_LESSER_FIELDS = ("max_context_length",)


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
