"""One model endpoint: asking it until it answers, or until it is clear what its silence means.

A request passes the layers from above to below, each with an `ask` around that of the next: `Retried`,
`Paid`, `Paced`, and the client that sends it.
"""

from __future__ import annotations

import asyncio
import difflib
from types import TracebackType
from typing import Protocol

from tasks.errors import (
    BrokenContract,
    EndpointDown,
    RateLimited,
    RequestRefused,
    ToolloomError,
    Transient,
    UsageError,
)
from tasks.llm.adapt import with_defaults
from tasks.llm.budget import Ledger, Payment
from tasks.llm.chat import ChatRequest, Message, Reply, Transcript
from tasks.llm.client import Client, FieldRefused, PreparedRequest
from tasks.llm.failures import Cost, KeyRefused, MalformedReply, ModelUnknown, Unreachable
from tasks.llm.limit import ConcurrencyLimiter, RateLimiter
from tasks.llm.params import BudgetParams, Capabilities, LlmParams
from tasks.llm.retry import LONGEST_PAUSE_S, RETRIES, CircuitBreaker, RetryState
from tasks.transport.redactor import NO_SECRETS, Redactor
from tasks.transport.retry import Backoff, retrying

# So many requests in a row are not to blame themselves.
_FAILED_IN_A_ROW = 10
_LONGEST_STANDING = 100
_PING = ChatRequest(transcript=Transcript.of(Message(role="user", content="ping")), max_tokens=1)
_PING_STAGE, _PING_ROW = "endpoint", "ping"
_LOOKS = 3
_MOST_NAMES = 12
# 403 may mean that this key can do all but list.
_NO_VALID_KEY = 401


class Asks(Protocol):
    """A layer."""

    async def ask(self, prepared: PreparedRequest) -> Reply: ...


class Endpoint:
    """The endpoint of `[llm]`.  An async context manager; use it in one event loop.

    capabilities: what it was found to be able to do; `StoredModel` puts its requests accordingly.
    redactor: of other configured keys than the endpoint's own, which are taken out of what it says.
    ledger: pays for pings while the endpoint is away, and for requests that come without a payment.
    """

    def __init__(
        self,
        params: LlmParams,
        *,
        capabilities: Capabilities | None = None,
        first_pause_s: float = 0.5,
        redactor: Redactor = NO_SECRETS,
        ledger: Ledger | None = None,
    ) -> None:
        self.params = params
        self.capabilities = capabilities or Capabilities()
        self.learned_context: int | None = None  # from the refusal of a request that was too long
        self.client = Client(params, redactor)
        self._ledger = ledger or Ledger(BudgetParams(), params)
        self._first_pause_s = first_pause_s
        limiter = ConcurrencyLimiter(params.concurrency)
        self._breaker = CircuitBreaker(
            self._ping,
            where=self.client.where,
            patience_s=params.outage_s,
            first_pause_s=first_pause_s,
            opened=limiter.restart,
        )
        self._retried = Retried(
            Paid(Paced(self.client, limiter, self._breaker, first_pause_s)),
            self._breaker,
            self.client,
            first_pause_s,
        )
        self._n_pings = 0

    async def __aenter__(self) -> Endpoint:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.close()

    @property
    def context(self) -> int | None:
        """Tokens of a request and its reply together, as far as it is known."""
        told = (self.params.context, self.capabilities.context, self.learned_context)
        return min((tokens for tokens in told if tokens is not None), default=None)

    @property
    def standing(self) -> str:
        """What keeps requests from being answered right now, for people; empty while nothing does."""
        return self._breaker.standing or self._retried.standing

    async def check(self) -> None:
        """Finds out, before the first request and without one, whether requests can work at all.

        Raises `EndpointDown` when nobody answers, `UsageError` when the key is refused.
        """
        await check_endpoint(self.client, self._first_pause_s)

    def prepare(
        self, request: ChatRequest, payment: Payment | None = None, *, attempts: int | None = None
    ) -> PreparedRequest:
        """The request as it will be sent.  attempts: in the place of `[llm] attempts`."""
        request = with_defaults(request, self.params)
        return self.client.prepare(
            request, payment or Payment(self._ledger), attempts or self.params.attempts
        )

    async def ask(self, prepared: PreparedRequest) -> Reply:
        """The reply.  Raises `RequestRefused` for this request, `StopRun` for the whole run."""
        return await self._retried.ask(prepared)

    async def _ping(self) -> None:
        """Asks for one token; any answer about the request itself shows that the endpoint is there."""
        payment = Payment(self._ledger, stage=_PING_STAGE, row_id=_PING_ROW, ordinal=self._n_pings)
        prepared = self.prepare(_PING, payment)
        try:
            # Where the budget has no room, nobody may wait for money while all wait for a ping.
            if payment.admit_now():
                await Paid(self.client).ask(prepared)
                self._n_pings += 1
            else:
                await self.client.models()
        except (FieldRefused, RequestRefused, BrokenContract):
            return


class Retried:
    """Tries a request again while that may help; tells one that fails from an endpoint that is away."""

    def __init__(self, inner: Asks, breaker: CircuitBreaker, client: Client, first_pause_s: float) -> None:
        self._inner = inner
        self._breaker = breaker
        self._client = client
        self._first_pause_s = first_pause_s
        self._failed_in_a_row = 0
        self._n_tried_again, self._last_failure = 0, ""

    @property
    def standing(self) -> str:
        if not self._n_tried_again:
            return ""
        requests = "1 request" if self._n_tried_again == 1 else f"{self._n_tried_again:,} requests"
        return f"{requests} tried again: {self._last_failure[:_LONGEST_STANDING]}"

    async def ask(self, prepared: PreparedRequest) -> Reply:
        """Raises `RequestRefused` for this request, `StopRun` for the whole run."""
        try:
            reply = await self._answered(prepared)
        except RateLimited as error:
            raise self._breaker.limited(error) from error
        except MalformedReply as error:
            raise not_the_protocol(self._client, error) from error
        except ModelUnknown as error:
            raise await unknown_model(self._client, error) from error
        self._failed_in_a_row = 0
        return reply

    async def _answered(self, prepared: PreparedRequest) -> Reply:
        state = RetryState(prepared, self._breaker, self._first_pause_s)
        try:
            return await self._try(prepared, state)
        except Transient as error:
            failure = error
        self._n_tried_again += 1
        try:
            while not state.exhausted():
                self._last_failure = failure.message
                await asyncio.sleep(state.pause())
                try:
                    return await self._try(prepared, state)
                except Transient as error:
                    failure = error
            if isinstance(failure, RateLimited) or (isinstance(failure, MalformedReply) and state.is_alone):
                raise failure
            if not isinstance(failure, MalformedReply) and state.is_unanswered:
                self._breaker.open(failure)
                await self._breaker.until_closed()
            raise self._failed(failure) from failure
        finally:
            self._n_tried_again -= 1

    async def _try(self, prepared: PreparedRequest, state: RetryState) -> Reply:
        while True:
            await self._breaker.until_closed()
            try:
                return await self._inner.ask(prepared)
            except FieldRefused:
                continue  # the client has put it into the form that is wanted
            except Transient as error:
                state.failed(error)
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


class Paid:
    """Pays for each try, and before it waits for its turn: who waits for money must keep no place."""

    def __init__(self, inner: Asks) -> None:
        self._inner = inner

    async def ask(self, prepared: PreparedRequest) -> Reply:
        """Raises `OverBudget`."""
        payment = prepared.payment
        await payment.admit()
        try:
            return await self._inner.ask(prepared)
        except Transient as error:
            payment.failed(RETRIES[type(error)].cost)
            raise
        except (ToolloomError, FieldRefused):
            payment.failed(Cost.REQUEST)
            raise
        finally:
            payment.release()


class Paced:
    """Sends no more requests at a time, and none faster, than the endpoint takes."""

    def __init__(
        self, inner: Client, limiter: ConcurrencyLimiter, breaker: CircuitBreaker, first_pause_s: float
    ) -> None:
        self._inner = inner
        self._limiter = limiter
        self._breaker = breaker
        self._first_pause_s = first_pause_s
        self._requests = RateLimiter(inner.params.requests_per_minute)
        self._tokens = RateLimiter(inner.params.tokens_per_minute)

    async def ask(self, prepared: PreparedRequest) -> Reply:
        """Raises `EndpointDown` while nobody is let through for too long."""
        await self._limiter.enter()
        while self._breaker.is_open:
            self._limiter.leave()
            await self._breaker.until_closed()
            await self._limiter.enter()
        try:
            self._breaker.raise_if_refused_too_long()
            return await self._sent(prepared)
        finally:
            self._limiter.leave()

    async def _sent(self, prepared: PreparedRequest) -> Reply:
        announced = prepared.payment.tokens_in + prepared.payment.max_tokens
        await self._requests.turn()
        await self._tokens.turn(announced)
        try:
            reply = await self._inner.ask(prepared)
        except RateLimited as error:
            self._breaker.refused(error)
            prepared.n_refused += 1
            grown = Backoff(self._first_pause_s, LONGEST_PAUSE_S).pause_s(prepared.n_refused)
            prepared.pause_s = grown if error.retry_after is None else error.retry_after
            self._limiter.refused(min(prepared.pause_s, max(0.0, self._breaker.pauses_left_s)))
            raise
        except (RequestRefused, FieldRefused):
            self._note_answer()
            raise
        self._note_answer()
        if reply.usage.total:
            self._tokens.correct(reply.usage.total - announced)
        return reply

    def _note_answer(self) -> None:
        self._breaker.close()
        self._limiter.answered()


async def check_endpoint(client: Client, first_pause_s: float) -> None:
    """Raises `EndpointDown` when nobody answers, `UsageError` when the key is refused.

    A model that is not in the list may still be served (aliases, routers, servers without a list): the
    first request shows that.
    """
    try:
        await retrying(Backoff(first_pause_s, LONGEST_PAUSE_S), attempts=_LOOKS, may_pass=_may_pass)(
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
