"""One model endpoint: asking it until it answers, or until it is clear what its silence means."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Mapping
from types import TracebackType

import orjson

from tasks.errors import (
    BrokenContract,
    EndpointDown,
    RateLimited,
    RequestRefused,
    ToolloomError,
    Transient,
    UsageError,
)
from tasks.llm.adapt import completed
from tasks.llm.asking import Asking, Buyer, Cost, Free
from tasks.llm.budget import tokens_in_bytes
from tasks.llm.chat import ChatRequest, Json, Message, Reply, Transcript
from tasks.llm.client import Client, FieldRefused, LengthFieldRefused, StateRefused
from tasks.llm.failures import KeyRefused, MalformedReply, ModelUnknown, Unreachable
from tasks.llm.limit import Pace, Window
from tasks.llm.params import Abilities, LlmParams
from tasks.llm.retry import LONGEST_PAUSE_S, RETRIES, Outage, Patience
from tasks.transport.redactor import NO_SECRETS, Redactor
from tasks.transport.retry import Backoff, retrying

# The protocol renamed the field, and endpoints take one or the other.
_LENGTH_FIELD, _NEWER_LENGTH_FIELD = "max_tokens", "max_completion_tokens"
# So many requests in a row are not to blame themselves.
_FAILED_IN_A_ROW = 10
_LONGEST_STANDING = 100
_PING = ChatRequest(transcript=Transcript.of(Message(role="user", content="ping")), max_tokens=1)


class Endpoint:
    """The endpoint of `[llm]`.  An async context manager; use it in one event loop.

    abilities: what it was found to be able to do; `StoredModel` puts its requests accordingly.
    redactor: of other configured keys than the endpoint's own, which are taken out of what it says.
    ping_buyer: pays for a ping, or says None when there is no money for one.
    """

    def __init__(
        self,
        params: LlmParams,
        *,
        abilities: Abilities | None = None,
        first_pause_s: float = 0.5,
        redactor: Redactor = NO_SECRETS,
    ) -> None:
        self.params = params
        self.abilities = abilities or Abilities()
        self.learned_context: int | None = None  # from the refusal of a request that was too long
        self.ping_buyer: Callable[[Asking], Buyer | None] = lambda _: Free()
        self._client = Client(params, redactor)
        self._first_pause_s = first_pause_s
        self._window = Window(params.concurrency)
        self._requests = Pace(params.requests_per_minute)
        self._tokens = Pace(params.tokens_per_minute)
        self._length_field = _LENGTH_FIELD
        self._failed_in_a_row = 0
        self._n_tried_again, self._last_failure = 0, ""
        self._outage = Outage(
            self._ping,
            where=self._client.where,
            patience_s=params.outage_s,
            first_pause_s=first_pause_s,
            begun=self._window.restart,
        )

    async def __aenter__(self) -> Endpoint:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def client(self) -> Client:
        return self._client

    @property
    def context(self) -> int | None:
        """Tokens of a request and its reply together, as far as it is known."""
        told = (self.params.context, self.abilities.context, self.learned_context)
        return min((tokens for tokens in told if tokens is not None), default=None)

    @property
    def standing(self) -> str:
        """What keeps requests from being answered right now, for people; empty while nothing does."""
        if self._outage.is_on or not self._n_tried_again:
            return self._outage.standing
        requests = "1 request" if self._n_tried_again == 1 else f"{self._n_tried_again:,} requests"
        return f"{requests} tried again: {self._last_failure[:_LONGEST_STANDING]}"

    async def close(self) -> None:
        await self._client.close()

    async def check(self) -> None:
        """Finds out, before the first request and without one, whether requests can work at all.

        Raises `EndpointDown` when nobody answers, `UsageError` when the key is refused.
        """
        await check_endpoint(self._client, self._first_pause_s)

    async def ask(self, request: ChatRequest) -> Reply:
        """The reply.  Raises `RequestRefused` for this request, `StopRun` for the whole run."""
        return await self.answer(self.prepare(request))

    def prepare(self, request: ChatRequest, *, attempts: int | None = None) -> Asking:
        """The request as it will be sent.  attempts: in the place of `[llm] attempts`."""
        request = completed(request, self.params)
        body = self._body(request)
        return Asking(
            request,
            body,
            tokens_in_bytes(len(body)),
            self._length_field,
            attempts or self.params.attempts,
        )

    def use_newer_length_field(self, asking: Asking) -> None:
        """The endpoint refused the older one: this request and all later ones have the newer."""
        self._length_field = asking.length_field = _NEWER_LENGTH_FIELD
        asking.body = self._body(asking.request)

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

    async def answer(self, asking: Asking) -> Reply:
        """The reply to a prepared request; counts its tries in it."""
        try:
            reply = await self._tried(asking)
        except RateLimited as error:
            raise self._limited(error) from error
        except MalformedReply as error:
            raise not_the_protocol(self._client, error) from error
        except ModelUnknown as error:
            raise await unknown_model(self._client, error) from error
        try:
            await asking.buyer.received(reply)
        finally:
            self._window.leave()
        return reply

    async def _tried(self, asking: Asking) -> Reply:
        """The reply, its place in the window still taken."""
        patience = Patience(asking.attempts, self._outage, self._first_pause_s)
        try:
            return await self._try(asking, patience)
        except Transient as error:
            failure = error
        self._n_tried_again += 1
        try:
            while not patience.exhausted():
                self._last_failure = failure.message
                await asyncio.sleep(patience.pause())
                try:
                    return await self._try(asking, patience)
                except Transient as error:
                    failure = error
            if isinstance(failure, RateLimited) or (
                isinstance(failure, MalformedReply) and patience.is_alone
            ):
                raise failure
            if not isinstance(failure, MalformedReply) and patience.is_unanswered:
                self._outage.begin(failure)
                await self._outage.over()
            raise self._failed(failure) from failure
        finally:
            self._n_tried_again -= 1

    async def _try(self, asking: Asking, patience: Patience) -> Reply:
        while True:
            await self._enter(asking)
            try:
                return await self._sent(asking, patience)
            except StateRefused:
                self._window.leave()
            except LengthFieldRefused as refused:
                self._window.leave()
                if asking.length_field == _NEWER_LENGTH_FIELD:
                    raise RequestRefused("endpoint_refused", str(refused)) from refused
                self.use_newer_length_field(asking)
            except BaseException:
                self._window.leave()
                raise

    async def _enter(self, asking: Asking) -> None:
        """Waits until the request may leave; its place in the window is taken then.

        It is paid for first: whoever waits for money must not keep a place from those who bring it back.
        """
        await self._outage.over()
        await asking.buyer.admit()
        await self._window.enter()
        while self._outage.is_on:
            self._window.leave()
            await self._outage.over()
            await self._window.enter()
        refusal = self._outage.refused_too_long
        if refusal is not None:
            self._window.leave()
            raise self._limited(refusal)

    async def _sent(self, asking: Asking, patience: Patience) -> Reply:
        announced = asking.tokens_in + (asking.request.max_tokens or 0)
        await self._requests.turn()
        await self._tokens.turn(announced)
        patience.sent()
        try:
            reply = await self._send(asking)
        except Transient as error:
            patience.failed(error)
            if isinstance(error, RateLimited):
                pause_s = min(patience.pause_when_refused(error), max(0.0, self._outage.pauses_left_s))
                self._window.refused(pause_s)
            raise
        except (RequestRefused, FieldRefused):
            self._note_answer()
            raise
        self._note_answer()
        self._failed_in_a_row = 0
        if reply.usage.total:
            self._tokens.correct(reply.usage.total - announced)
        return reply

    def _note_answer(self) -> None:
        self._outage.end()
        self._window.answered()

    async def _send(self, asking: Asking) -> Reply:
        """One try, which its buyer has admitted."""
        if asking.length_field != self._length_field:
            self.use_newer_length_field(asking)
        asking.tries += 1
        asking.buyer.sent()
        try:
            return await self._client.chat(asking.body)
        except Transient as error:
            asking.buyer.failed(RETRIES[type(error)].cost)
            raise
        except (ToolloomError, FieldRefused):
            asking.buyer.failed(Cost.REQUEST)
            raise

    def _failed(self, error: Transient) -> RequestRefused | EndpointDown:
        """It answers, were it only a ping, and every try of this request failed."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row < _FAILED_IN_A_ROW:
            told = f"the endpoint answers others and fails at this request: {error.message}"
            return RequestRefused("endpoint_failed", told)
        where = self._client.where
        return EndpointDown(
            f"the model endpoint {where} failed at {self._failed_in_a_row} requests in a row, though it is "
            f"there: {error.message}",
            fix=f"{error.fix or f'look at the log of the server at {where}'}, then run the same command "
            "again: what is finished is kept",
        )

    def _limited(self, error: RateLimited) -> EndpointDown:
        asked = "" if error.retry_after is None else f" (it asks for a pause of {error.retry_after:g} s)"
        return EndpointDown(
            f"the model endpoint {self._client.where} lets no request through{asked}: {error.message}",
            fix="run the same command again when the limit is lifted: what is finished is kept; "
            "[llm] requests_per_minute, tokens_per_minute and concurrency keep below a limit",
        )

    async def _ping(self) -> None:
        """Asks for one token; any answer about the request itself shows that the endpoint is there."""
        asking = self.prepare(_PING)
        buyer = self.ping_buyer(asking)
        try:
            if buyer is None:
                await self._client.models()
            else:
                await self._bought_ping(asking, buyer)
        except LengthFieldRefused:
            self.use_newer_length_field(asking)
        except (RequestRefused, BrokenContract):
            return

    async def _bought_ping(self, asking: Asking, buyer: Buyer) -> None:
        asking.buyer = buyer
        try:
            await buyer.received(await self._send(asking))
        finally:
            buyer.release()


_TRIES = 3
_MOST_NAMES = 12
# 403 may mean that this key can do all but list.
_NO_VALID_KEY = 401


async def check_endpoint(client: Client, first_pause_s: float) -> None:
    """Raises `EndpointDown` when nobody answers, `UsageError` when the key is refused.

    A model that is not in the list may still be served (aliases, routers, servers without a list): the
    first request shows that.
    """
    try:
        await retrying(Backoff(first_pause_s, LONGEST_PAUSE_S), attempts=_TRIES, may_pass=_may_pass)(
            _listed, client
        )
    except KeyRefused as error:
        raise UsageError(error.message, fix=error.fix) from error
    except Transient as error:
        raise EndpointDown(
            f"the model endpoint {client.where} does not answer: {error.message}",
            fix=f"start or mend the server at {client.where}, or correct [llm] base_url",
        ) from error


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Transient) and not isinstance(error, Unreachable)


async def _listed(client: Client) -> None:
    """Asks for the list of models; an endpoint may keep none, or none for this key."""
    try:
        await client.models()
    except KeyRefused as error:
        if error.status == _NO_VALID_KEY:
            raise
    except (ModelUnknown, RequestRefused, MalformedReply):
        return


async def unknown_model(client: Client, error: ModelUnknown) -> BrokenContract:
    """`error`, with the names of the models that the endpoint does offer."""
    model = client.params.model
    try:
        offered = await client.models()
    except (Transient, BrokenContract, RequestRefused):
        offered = []  # the names are a help, no more
    if not offered:
        return BrokenContract(
            f"{error.message}; asked for {model!r} at {client.where}",
            fix="correct [llm] model, or [llm] base_url, which ends in /v1 as a rule",
        )
    nearest = difflib.get_close_matches(model, offered, n=_MOST_NAMES, cutoff=0.0)
    rest = len(offered) - len(nearest)
    names = ", ".join(nearest) + (f" and {rest} more" if rest else "")
    return BrokenContract(
        f"the model endpoint {client.where} does not offer the model {model!r}",
        fix=f"set [llm] model to one that it offers: {names}",
    )


def not_the_protocol(client: Client, error: MalformedReply) -> BrokenContract:
    """`error`, for a run: something answers at that address, but no chat model."""
    return BrokenContract(
        f"the model endpoint {client.where} does not speak the chat protocol: {error.message}",
        fix="[llm] base_url must be the address of an OpenAI-compatible API; it ends in /v1 as a rule",
    )
