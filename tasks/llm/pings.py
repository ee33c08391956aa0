"""What pings cost: while an endpoint is away, it is asked for one token now and then."""

from __future__ import annotations

from itertools import count
from time import monotonic

from tasks.llm.asking import Asking, Buyer, Cost
from tasks.llm.budget import Ledger, Reservation
from tasks.llm.chat import Reply
from tasks.llm.spending import Recorder
from warehouse.tables.accounts import LlmCall

STAGE, ROW_ID = "endpoint", "ping"


class PingPayer:
    """Pays for pings from the ledger of the run, and records those that were answered."""

    def __init__(self, ledger: Ledger, recorder: Recorder, *, run_id: str, model: str) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._run_id = run_id
        self._model = model
        self._ordinals = count()

    def buyer(self, asking: Asking) -> Buyer | None:
        """None when the budget has no room: nobody may wait for money while all wait for a ping."""
        reservation = self._ledger.reservation(
            tokens_in=asking.tokens_in, max_tokens=asking.request.max_tokens, stage=STAGE
        )
        return _PingBuyer(self, reservation) if reservation.admit_now() else None

    def record(self, reply: Reply, latency_ms: float) -> None:
        usage = reply.usage
        self._recorder.record(
            LlmCall(
                run_id=self._run_id,
                stage=STAGE,
                row_id=ROW_ID,
                ordinal=next(self._ordinals),
                model=self._model,
                tokens_in=usage.tokens_in,
                tokens_out=usage.tokens_out,
                cost_usd=self._ledger.cost(usage),
                latency_ms=latency_ms,
                attempts=1,
                from_store=False,
                error=None,
            )
        )


class _PingBuyer:
    def __init__(self, payer: PingPayer, reservation: Reservation) -> None:
        self._payer = payer
        self._reservation = reservation
        self._sent_at = 0.0

    async def admit(self) -> None:
        await self._reservation.admit()

    def sent(self, name: str = "") -> None:
        self._sent_at = monotonic()
        self._reservation.sent(name)

    def failed(self, cost: Cost) -> None:
        self._reservation.failed(cost)

    def release(self) -> None:
        self._reservation.release()

    async def received(self, reply: Reply) -> None:
        self._reservation.settle(reply.usage, 1)
        self._payer.record(reply, (monotonic() - self._sent_at) * 1000)
