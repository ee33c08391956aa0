"""Requests of many rows, gathered into batches; each row waits for its reply as if it had asked alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from time import monotonic

from tasks.errors import EndpointDown, RequestRefused, ToolloomError, Transient
from tasks.llm.batching.api import LeftOut, NextBatch, OtherLengthField, TooMuch
from tasks.llm.batching.batches import BatchRunner, Entry, Outcome, Record, Records
from tasks.llm.budget import Ledger, Payment
from tasks.llm.chat import Reply
from tasks.llm.client import PreparedRequest
from tasks.llm.endpoint import Endpoint
from tasks.llm.failures import Cost
from tasks.llm.retry import RETRIES

LARGEST_FILE = 200_000_000
"""Bytes of an input file, at most."""

_QUIET_S = 3.0
_BYTES_AROUND_A_BODY = 200


@dataclass(eq=False, slots=True)
class PendingRequest:
    """A request that waits: for a batch, then for what comes of it."""

    entry: Entry
    payment: Payment
    body: bytes = b""
    outcome: asyncio.Future[Outcome | BaseException] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def settle(self, outcome: Outcome) -> None:
        """The batch is over: what came of the request."""
        self.payment.tries += isinstance(
            outcome, Reply | Transient | RequestRefused | LeftOut | OtherLengthField
        )
        if isinstance(outcome, Reply):
            self.payment.received(outcome)
        else:
            self.payment.failed(_cost(outcome))
        self.wake(outcome)

    def wake(self, outcome: Outcome | BaseException) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class Batcher:
    """Use it in one event loop.

    A batch leaves when nothing has been added for a moment (a few seconds, or `[llm] batch_poll_s`), or
    when it is full.  Batches of an earlier start that are on record are waited for, not asked again.

    asks: whether requests of a stage are of this batcher, where several models have one address.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        runner: BatchRunner,
        records: Records,
        ledger: Ledger,
        *,
        asks: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._client = endpoint.client
        self._ledger = ledger
        self._params = endpoint.params
        self._runner = runner
        self._records = records
        self._asks = asks
        self._most = self._params.batch_requests
        self._one_at_a_time = False
        self._waiting: dict[str, PendingRequest] = {}
        self._under_way: dict[str, PendingRequest] = {}
        self._earlier: dict[str, PendingRequest] | None = None
        self._last_arrival = 0.0
        self._gathering: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def standing(self) -> str:
        """How far the batches are, in words; empty when none is under way."""
        counts = list(self._runner.counts.values())
        if not counts:
            return ""
        done, total = (sum(numbers) for numbers in zip(*counts, strict=True))
        batches = "1 batch" if len(counts) == 1 else f"{len(counts)} batches"
        return f"{batches} under way, {done:,}/{total:,} answered"

    async def collect_finished(self) -> list[Record]:
        """Takes what batches of an earlier start have brought; the records of those still under way.

        Raises `StopRun`.
        """
        left = []
        for record in self._records.all():
            if self.is_own(record) and await self._runner.is_over(record):
                await self._follow(record, self._owed(record))
            else:
                left.append(record)
        return left

    def is_own(self, record: Record) -> bool:
        """Whether it is of this endpoint; another model at the same address has batches of its own."""
        is_asked = any(self._asks(entry.stage) for entry in record.entries)
        return record.where == self._runner.where and is_asked

    async def ask(self, prepared: PreparedRequest) -> Reply:
        """The reply, which is in the store then.

        Raises `RequestRefused` for this request, `StopRun` for the run.
        """
        payment = prepared.payment
        earlier = self._of_earlier_start().get(payment.key or "")
        if earlier is not None and isinstance(reply := await _outcome_of(earlier), Reply):
            return reply
        n_tries = 0
        try:
            while True:
                await payment.admit()
                body = self._client.acceptable(prepared.body)
                try:
                    outcome = await _outcome_of(self._pending(payment, body))
                except RequestRefused as refusal:
                    if not self._client.leaves_out(refusal, body):
                        raise
                    continue
                if isinstance(outcome, Reply):
                    return outcome
                if isinstance(outcome, OtherLengthField):
                    self._client.use_newer_length_field(prepared)
                n_tries += not isinstance(outcome, TooMuch)
                if n_tries >= prepared.attempts:
                    told = f"the endpoint fails at this request in {n_tries} batches: {outcome.message}"
                    raise RequestRefused("endpoint_failed", told)
        finally:
            payment.release()

    def _of_earlier_start(self) -> dict[str, PendingRequest]:
        if self._earlier is None:
            self._earlier = {}
            for record in self._records.all():
                if self.is_own(record):
                    requests = self._owed(record)
                    self._earlier.update(requests)
                    self._start(self._follow(record, requests), requests)
        return self._earlier

    def _owed(self, record: Record) -> dict[str, PendingRequest]:
        """What a batch of an earlier start still owes is booked in this run, as it brings it."""
        return {entry.key: PendingRequest(entry, self._reopened(record, entry)) for entry in record.entries}

    def _reopened(self, record: Record, entry: Entry) -> Payment:
        payment = Payment(
            self._ledger,
            entry.stage,
            entry.row_id,
            entry.ordinal,
            self._params.batch_discount,
            self._params,
            tokens_in=entry.tokens_in,
            max_tokens=entry.tokens_out,
            key=entry.key,
        )
        return self._ledger.reopened(record.booking(entry.key), payment)

    def _pending(self, payment: Payment, body: bytes) -> PendingRequest:
        key = payment.key or ""
        request = self._waiting.get(key) or self._under_way.get(key)
        if request is None:
            entry = Entry(
                key=key,
                stage=payment.stage,
                row_id=payment.row_id,
                ordinal=payment.ordinal,
                tokens_in=payment.tokens_in,
                tokens_out=payment.max_tokens,
            )
            request = self._waiting[key] = PendingRequest(entry, payment, body)
            self._last_arrival = monotonic()
            if self._gathering is None or self._gathering.done():
                self._gathering = asyncio.create_task(self._gather())
        return request

    async def _gather(self) -> None:
        while self._waiting:
            await self._until_quiet_or_full()
            if self._one_at_a_time and self._running:
                await asyncio.wait(self._running)
            requests = dict(self._first_of_waiting())
            for key in requests:
                self._under_way[key] = self._waiting.pop(key)
            self._start(self._submit(requests), requests)

    async def _until_quiet_or_full(self) -> None:
        quiet_s = min(_QUIET_S, self._params.batch_poll_s)
        while len(self._waiting) < self._most:
            silence = monotonic() - self._last_arrival
            if silence >= quiet_s:
                return
            await asyncio.sleep(quiet_s - silence)

    def _first_of_waiting(self) -> Iterable[tuple[str, PendingRequest]]:
        size = 0
        for number, (key, request) in enumerate(self._waiting.items()):
            size += len(request.body) + _BYTES_AROUND_A_BODY
            if number and (number >= self._most or size > LARGEST_FILE):
                return
            yield key, request

    def _start(self, work: Coroutine[None, None, None], requests: dict[str, PendingRequest]) -> None:
        """What ends the work is raised where each row waits."""

        def ended(task: asyncio.Task[None]) -> None:
            self._running.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self._abandon(requests, error)

        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(ended)

    async def _submit(self, requests: dict[str, PendingRequest]) -> None:
        record = await self._runner.upload((request.entry, request.body) for request in requests.values())
        for key, request in requests.items():
            request.body = b""
            request.payment.sent(record.booking(key))
        await self._follow(await self._runner.create(record), requests)

    async def _follow(self, record: Record, requests: dict[str, PendingRequest]) -> None:
        def settle(key: str, outcome: Outcome) -> None:
            self._under_way.pop(key, None)
            requests[key].settle(self._tempered(outcome, len(requests)))

        await self._runner.follow(record, settle)

    def _abandon(self, requests: dict[str, PendingRequest], error: BaseException) -> None:
        for key, request in requests.items():
            self._under_way.pop(key, None)
            request.payment.release()  # it stays under way: it counts at its worst
            request.wake(error)

    def _tempered(self, outcome: Outcome, n_requests: int) -> Outcome:
        """Where an account's queue is full, smaller batches go one by one."""
        if not isinstance(outcome, TooMuch):
            return outcome
        self._one_at_a_time = True
        self._most = max(1, min(self._most, n_requests // 2))
        if n_requests > 1:
            return outcome
        return EndpointDown(
            f"the model endpoint takes not even one request more into its batches: {outcome.message}",
            fix="run the same command again when its queue is shorter, or set [llm] batch = false",
        )


async def _outcome_of(request: PendingRequest) -> Reply | Transient | NextBatch:
    """Raises what was not settled by a reply, and will not be by another batch."""
    outcome = await asyncio.shield(request.outcome)
    if isinstance(outcome, Reply | Transient | NextBatch):
        return outcome
    raise outcome


def _cost(failure: ToolloomError) -> Cost:
    """What a request of a batch that is over counts as when it brought no reply."""
    if isinstance(failure, Transient):
        return RETRIES[type(failure)].cost
    tried = isinstance(failure, RequestRefused | OtherLengthField)
    return Cost.REQUEST if tried else Cost.NOTHING
