"""The model as a stage sees it, and the endpoint behind it.

A request passes the layers from above to below, each with an `ask` around that of the next: `StoredModel`
adapts it to what the endpoint can do, `Stored` keeps its reply, `Retried` asks until there is one, or until
it is clear what the silence means, `Paid` pays, `Paced` waits for its turn, and the client sends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from tasks.errors import (
    BrokenContract,
    EndpointDown,
    RequestRefused,
    ToolloomError,
    Transient,
    UsageError,
)
from tasks.llm.adapt import (
    FunctionWatch,
    Overflow,
    fit_request,
    restore_reply,
    shorten_request,
    with_defaults,
)
from tasks.llm.budget import Ledger, Payment
from tasks.llm.chat import ChatRequest, Message, Reply, ReplyStore, Transcript, reply_key
from tasks.llm.client import Asks, Client, FieldRefused, PreparedRequest
from tasks.llm.failures import TOO_LONG, Cost, KeyRefused, MalformedReply, ModelUnknown, Unreachable
from tasks.llm.limit import ConcurrencyLimiter, Paced
from tasks.llm.params import BudgetParams, Capabilities, LlmParams
from tasks.llm.retry import LONGEST_PAUSE_S, RETRIES, CircuitBreaker, Retried
from tasks.transport.redactor import NO_SECRETS, Redactor
from tasks.transport.retry import Backoff, retrying

_PING = ChatRequest(transcript=Transcript.of(Message(role="user", content="ping")), max_tokens=1)
_PING_STAGE, _PING_ROW = "endpoint", "ping"
_LOOKS = 3
_SHORTENINGS = 4
# 403 may mean that this key can do all but list.
_NO_VALID_KEY = 401


def _name_section(error: ToolloomError, params: LlmParams) -> None:
    """Has what an error says of `[llm]` name the section in which its endpoint is set."""
    error.message = error.message.replace(LlmParams.section, params.section)
    error.fix = None if error.fix is None else error.fix.replace(LlmParams.section, params.section)


@contextmanager
def named_by(params: LlmParams) -> Iterator[None]:
    """What goes wrong inside is told of the section in which the endpoint is set."""
    try:
        yield
    except ToolloomError as error:
        _name_section(error, params)
        raise


class Endpoint:
    """The endpoint of `[llm]`, or of another section.  An async context manager; use it in one event loop.

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
        client: type[Client] = Client,
    ) -> None:
        """client: of another route than that of chats."""
        self.params = params
        self.capabilities = capabilities or Capabilities()
        self.learned_context: int | None = None  # from the refusal of a request that was too long
        with named_by(params):
            self.client = client(params, redactor)
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
        with named_by(self.params):
            await check_endpoint(self.client, self._first_pause_s)

    def prepare(
        self, request: ChatRequest, payment: Payment | None = None, *, attempts: int | None = None
    ) -> PreparedRequest:
        """The request as it will be sent.  attempts: in the place of `[llm] attempts`."""
        request = with_defaults(request, self.params)
        return self.client.prepare(
            request, payment or Payment(self._ledger, llm=self.params), attempts or self.params.attempts
        )

    async def ask(self, prepared: PreparedRequest) -> Reply:
        """The reply.  Raises `RequestRefused` for this request, `StopRun` for the whole run."""
        return await self._retried.ask(prepared)

    async def _ping(self) -> None:
        """Asks for one token; any answer about the request itself shows that the endpoint is there."""
        section = self.params.section
        row_id = _PING_ROW if section == LlmParams.section else f"{section} {_PING_ROW}"
        payment = Payment(
            self._ledger, stage=_PING_STAGE, row_id=row_id, ordinal=self._n_pings, llm=self.params
        )
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


class Stored:
    """Gives the replies that are in the store, and keeps those that are not, before anybody uses them.

    batcher: asks in batches instead.  attempts: in the place of `[llm] attempts`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        store: ReplyStore,
        *,
        batcher: Asks | None = None,
        attempts: int | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._store = store
        self._batcher = batcher
        self._attempts = attempts
        self.too_long: dict[str, str] = {}  # what was said of it, by the digest of a refused request

    async def ask(self, request: ChatRequest, payment: Payment, *, require: Callable[[], None]) -> Reply:
        """The reply.  What was refused for its length once is not sent again.

        require: raises where nothing more may be asked; what is stored is given all the same.  Raises
        `RequestRefused` for this request, `StopRun` for the run.
        """
        digest = request.digest(self._endpoint.params.model)
        key = reply_key(payment.row_id, payment.ordinal, digest)
        payment.store, payment.key = self._store, key.hex()
        stored = await self._store.get(key)
        if stored is not None:
            payment.given(stored)
            return stored
        require()
        if digest in self.too_long:
            refusal = RequestRefused(TOO_LONG, self.too_long[digest])
            payment.refused(refusal)
            raise refusal
        prepared = self._endpoint.prepare(request, payment, attempts=self._attempts)
        before = payment.tries
        try:
            reply = await (self._batcher or self._endpoint).ask(prepared)
        except ToolloomError as error:
            if payment.tries > before:
                payment.refused(error)
            raise
        if not payment.is_received:  # a batch of an earlier start bought it, and was booked
            payment.given(reply)
        return reply


class StoredModel:
    """A `ChatModel` for one stage of one run: asks as the endpoint can be asked (see `adapt`).

    Endpoint, store, ledger and the watch over function calls are shared by all stages of a process.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        store: ReplyStore,
        ledger: Ledger,
        functions: FunctionWatch,
        stage: str,
        batcher: Asks | None = None,
        attempts: int | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._inner = Stored(endpoint, store, batcher=batcher, attempts=attempts)
        self._ledger = ledger
        self._functions = functions
        self._stage = stage
        self._discount = 0.0 if batcher is None else endpoint.params.batch_discount

    @property
    def name(self) -> str:
        return self._endpoint.params.model

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        """The reply: from the store, or asked for, committed to the store, and only then returned.

        Raises `RequestRefused` for this request, `StopRun` for the run.
        """
        request = with_defaults(request, self._endpoint.params)
        capabilities = self._endpoint.capabilities
        adapted = fit_request(request, capabilities, self._endpoint.context, self.name)
        payment = Payment(self._ledger, self._stage, row_id, ordinal, self._discount, self._endpoint.params)
        for may_shorten in (*[True] * _SHORTENINGS, False):
            try:
                replied = await self._inner.ask(
                    adapted, payment, require=lambda: self._functions.require(request)
                )
                reply = restore_reply(replied, request, capabilities)
            except RequestRefused as refusal:
                shorter_one = self._shorter(request, adapted, refusal) if may_shorten else None
                if shorter_one is None:
                    self._functions.refused(request, refusal)
                    _name_section(refusal, self._endpoint.params)
                    raise
                adapted = shorter_one
                continue
            except ToolloomError as error:
                _name_section(error, self._endpoint.params)
                raise
            if payment.from_store:
                self._functions.stored(request, reply)
            else:
                self._functions.answered(request, reply, ordinal=ordinal)
            return reply
        raise AssertionError("the last one is answered or refused")

    def _shorter(
        self, request: ChatRequest, adapted: ChatRequest, refusal: RequestRefused
    ) -> ChatRequest | None:
        """The request once more, where it was refused for its length and has something to shorten."""
        overflow = Overflow.of(refusal)
        if overflow is None:
            return None
        refusal.reason = TOO_LONG
        self._inner.too_long[adapted.digest(self.name)] = refusal.message
        endpoint, capabilities = self._endpoint, self._endpoint.capabilities
        if overflow.context is not None and (endpoint.context is None or overflow.context < endpoint.context):
            endpoint.learned_context = overflow.context
        again = fit_request(request, capabilities, endpoint.context, self.name)
        if again.digest(self.name) not in self._inner.too_long:
            return again
        return shorten_request(request, adapted, overflow, capabilities, self.name)
