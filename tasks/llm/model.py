"""The model as a stage sees it: asked as its endpoint can be asked, and never twice for what was paid for."""

from __future__ import annotations

from collections.abc import Callable

from tasks.errors import RequestRefused, ToolloomError
from tasks.llm.adapt import (
    FunctionWatch,
    Overflow,
    fit_request,
    restore_reply,
    shorten_request,
    with_defaults,
)
from tasks.llm.batching.batcher import Batcher
from tasks.llm.budget import Ledger, Payment
from tasks.llm.chat import ChatRequest, Reply
from tasks.llm.endpoint import Endpoint
from tasks.llm.failures import TOO_LONG
from tasks.llm.store import ReplyStore, reply_key

_SHORTENINGS = 4


class Stored:
    """Gives the replies that are in the store, and keeps those that are not, before anybody uses them.

    batcher: asks in batches instead.  attempts: in the place of `[llm] attempts`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        store: ReplyStore,
        *,
        batcher: Batcher | None = None,
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
        batcher: Batcher | None = None,
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
        payment = Payment(self._ledger, self._stage, row_id, ordinal, self._discount)
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
                    raise
                adapted = shorter_one
                continue
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
