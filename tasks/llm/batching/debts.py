"""What batches of an earlier start still owe, booked in this run as they bring it."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.errors import RequestRefused, ToolloomError, Transient
from tasks.llm.asking import Cost
from tasks.llm.batching.lines import OtherLengthField
from tasks.llm.batching.records import Entry, Record
from tasks.llm.budget import Ledger, Reservation
from tasks.llm.chat import Reply
from tasks.llm.costs import tokens_in_reply
from tasks.llm.params import LlmParams
from tasks.llm.retries import RETRIES
from tasks.llm.usage import Recorder
from warehouse.tables.accounts import LlmCall


def cost_in_a_batch(failure: ToolloomError) -> Cost:
    """What a request of a batch that is over counts as when it brought no reply."""
    if isinstance(failure, Transient):
        return RETRIES[type(failure)].cost
    tried = isinstance(failure, RequestRefused | OtherLengthField)
    return Cost.REQUEST if tried else Cost.NOTHING


@dataclass(frozen=True, slots=True)
class Debts:
    """Where the requests of earlier batches are booked: the ledger of the run, and its calls."""

    ledger: Ledger
    recorder: Recorder
    params: LlmParams
    run_id: str

    def of(self, record: Record, entry: Entry) -> Debt:
        reservation = self.ledger.reopened(
            record.booking(entry.key),
            tokens_in=entry.tokens_in,
            tokens_out=entry.tokens_out,
            stage=entry.stage,
            discount=self.params.batch_discount,
        )
        return Debt(self, entry, reservation)

    def record(self, entry: Entry, reply: Reply) -> None:
        self.recorder.record(
            LlmCall(
                run_id=self.run_id,
                stage=entry.stage,
                row_id=entry.row_id,
                ordinal=entry.ordinal,
                model=self.params.model,
                tokens_in=reply.usage.tokens_in,
                tokens_out=reply.usage.tokens_out,
                cost_usd=self.ledger.cost(reply.usage, self.params.batch_discount),
                latency_ms=0.0,
                attempts=1,
                from_store=False,
                error=None,
                store_key=entry.key,
            )
        )


@dataclass(frozen=True, slots=True)
class Debt:
    """One request of an earlier start that is under way."""

    debts: Debts
    entry: Entry
    reservation: Reservation

    def settle(self, outcome: Reply | ToolloomError) -> None:
        if isinstance(outcome, Reply):
            self.debts.record(self.entry, outcome)
            self.reservation.settle(outcome.usage, tokens_in_reply(outcome))
        else:
            self.reservation.failed(cost_in_a_batch(outcome))

    def release(self) -> None:
        """It stays under way: this start counts it at its worst."""
        self.reservation.release()
