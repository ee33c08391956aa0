"""The model as a stage sees it: what was paid for is not asked again, and all that is asked is counted."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from tasks.errors import BadRow, RequestRefused, ToolloomError
from tasks.llm.adapt import FunctionWatch, Overflow, completed, heard, put, shorter
from tasks.llm.asking import Asking, Cost, Free
from tasks.llm.batching.batcher import Batcher
from tasks.llm.batching.batches import Entry
from tasks.llm.budget import Ledger, Reservation, tokens_in_reply
from tasks.llm.chat import ChatRequest, Reply, Usage
from tasks.llm.endpoint import Endpoint
from tasks.llm.failures import TOO_LONG
from tasks.llm.spending import Recorder
from tasks.llm.store import ReplyStore, reply_key
from warehouse.tables.accounts import LlmCall

_SHORTENINGS = 4


class StoredModel:
    """A `ChatModel` for one stage of one run.

    Endpoint, store, ledger and the watch over function calls are shared by all stages of a process; the
    recorder gets one `LlmCall` a request.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        store: ReplyStore,
        ledger: Ledger,
        recorder: Recorder,
        functions: FunctionWatch,
        stage: str,
        run_id: str,
        batcher: Batcher | None = None,
        attempts: int | None = None,
    ) -> None:
        """batcher: asks in batches instead."""
        self._endpoint = endpoint
        self._store = store
        self._ledger = ledger
        self._recorder = recorder
        self._functions = functions
        self._stage = stage
        self._run_id = run_id
        self._batcher = batcher
        self._attempts = attempts
        self._too_long: dict[str, str] = {}  # what was said of it, by the digest of a refused request

    @property
    def name(self) -> str:
        return self._endpoint.params.model

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        """The reply: from the store, or asked for, committed to the store, and only then returned.

        Raises `RequestRefused` for this request, `StopRun` for the run.
        """
        request = completed(request, self._endpoint.params)
        abilities = self._endpoint.abilities
        asked = put(request, abilities, self._endpoint.context, self.name)
        earlier = 0
        for may_shorten in (*[True] * _SHORTENINGS, False):
            key = reply_key(row_id, ordinal, asked.digest(self.name))
            stored = await self._store.get(key)
            if stored is not None:
                self._record(row_id, ordinal, key, reply=stored)
                reply = heard(stored, request, abilities)
                self._functions.stored(request, reply)
                return reply
            self._functions.require(request)
            asking = self._endpoint.prepare(asked, attempts=self._attempts)
            asking.earlier = earlier
            try:
                reply = heard(await self._ask_endpoint(asking, key, row_id, ordinal), request, abilities)
            except RequestRefused as refusal:
                shorter_one = self._shorter(request, asked, refusal) if may_shorten else None
                if shorter_one is None:
                    self._functions.refused(request, refusal)
                    raise
                asked, earlier = shorter_one, earlier + asking.tries
                continue
            self._functions.answered(request, reply, ordinal=ordinal)
            return reply
        raise AssertionError("the last one is answered or refused")

    def _shorter(
        self, request: ChatRequest, asked: ChatRequest, refusal: RequestRefused
    ) -> ChatRequest | None:
        """The request once more, where it was refused for its length and has something to shorten."""
        overflow = Overflow.of(refusal)
        if overflow is None:
            return None
        refusal.reason = TOO_LONG
        self._too_long[asked.digest(self.name)] = refusal.message
        endpoint, abilities = self._endpoint, self._endpoint.abilities
        if overflow.context is not None and (endpoint.context is None or overflow.context < endpoint.context):
            endpoint.learned_context = overflow.context
        again = put(request, abilities, endpoint.context, self.name)
        if again.digest(self.name) not in self._too_long:
            return again
        return shorter(request, asked, overflow, abilities, self.name)

    async def _ask_endpoint(self, asking: Asking, key: bytes, row_id: str, ordinal: int) -> Reply:
        """The reply.  What was too long once is not sent again."""
        begun = monotonic()
        before = self._too_long.get(asking.request.digest(self.name)) if self._too_long else None
        if before is not None:
            refusal = RequestRefused(TOO_LONG, before)
            self._record(row_id, ordinal, key, asking=asking, begun=begun, error=refusal)
            raise refusal
        reservation = self._ledger.reservation(
            tokens_in=asking.tokens_in,
            max_tokens=asking.request.max_tokens,
            stage=self._stage,
            discount=self._discount,
        )
        recorded: list[Reply] = []

        def paid(reply: Reply) -> None:
            recorded.append(reply)
            self._record(row_id, ordinal, key, reply=reply, asking=asking, begun=begun)

        asking.buyer = _Buyer(reservation, self._store, key, paid)
        try:
            reply = await self._answer(asking, self._entry(asking, key, row_id, ordinal))
        except ToolloomError as error:
            if asking.tries:
                self._record(row_id, ordinal, key, asking=asking, begun=begun, error=error)
            raise
        finally:
            asking.buyer.release()
            asking.buyer = Free()  # the real one knows the request: a circle that would outlive it
        if not recorded:  # a batch of an earlier start bought it, and was booked
            self._record(row_id, ordinal, key, reply=reply)
        return reply

    def _entry(self, asking: Asking, key: bytes, row_id: str, ordinal: int) -> Entry:
        return Entry(
            key=key.hex(),
            stage=self._stage,
            row_id=row_id,
            ordinal=ordinal,
            tokens_in=asking.tokens_in,
            tokens_out=asking.request.max_tokens or 0,
        )

    async def _answer(self, asking: Asking, entry: Entry) -> Reply:
        if self._batcher is None:
            return await self._endpoint.answer(asking)
        return await self._batcher.answer(asking, entry)

    @property
    def _discount(self) -> float:
        return 0.0 if self._batcher is None else self._endpoint.params.batch_discount

    def _record(
        self,
        row_id: str,
        ordinal: int,
        key: bytes,
        *,
        reply: Reply | None = None,
        asking: Asking | None = None,
        begun: float | None = None,
        error: ToolloomError | None = None,
    ) -> None:
        usage = Usage() if reply is None else reply.usage
        self._recorder.record(
            LlmCall(
                run_id=self._run_id,
                stage=self._stage,
                row_id=row_id,
                ordinal=ordinal,
                model=self.name,
                tokens_in=usage.tokens_in,
                tokens_out=usage.tokens_out,
                cost_usd=self._cost(reply, from_store=asking is None),
                latency_ms=0.0 if begun is None else (monotonic() - begun) * 1000,
                attempts=0 if asking is None else asking.earlier + asking.tries,
                from_store=asking is None,
                error=None if error is None else _told(error),
                store_key=key.hex(),
            )
        )

    def _cost(self, reply: Reply | None, *, from_store: bool) -> float | None:
        """What this run paid: nothing for a stored reply or an error, unknown when no usage was reported."""
        if reply is None or from_store:
            return self._endpoint.params.cost_usd(0, 0)
        return self._ledger.cost(reply.usage, self._discount)


class _Buyer:
    """Pays for one request from the ledger, and keeps what it bought.  paid: told before it is kept."""

    def __init__(
        self, reservation: Reservation, store: ReplyStore, key: bytes, paid: Callable[[Reply], None]
    ) -> None:
        self._paid = paid
        self._reservation = reservation
        self._store = store
        self._key = key

    async def admit(self) -> None:
        await self._reservation.admit()

    def sent(self, name: str = "") -> None:
        self._reservation.sent(name)

    def failed(self, cost: Cost) -> None:
        self._reservation.failed(cost)

    def release(self) -> None:
        self._reservation.release()

    async def received(self, reply: Reply) -> None:
        self._reservation.settle(reply.usage, tokens_in_reply(reply))
        self._paid(reply)
        await self._store.put(self._key, reply)


def _told(error: ToolloomError) -> str:
    """The kind of failure in one word; for a refused request also what the endpoint said."""
    if isinstance(error, BadRow):
        return f"{error.reason}: {error.message}"
    return type(error).__name__
