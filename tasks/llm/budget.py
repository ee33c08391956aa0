"""What a run may spend: nothing is sent that could take it past a cap of `[budget]`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from time import monotonic
from types import MappingProxyType

from tasks.errors import BadRow, OverBudget, ToolloomError, UsageError
from tasks.llm.chat import Reply, StoresReplies, Usage
from tasks.llm.failures import Cost
from tasks.llm.params import BudgetParams, Caps, LlmParams
from tasks.llm.spending import Recorder, SpendingLog, Spent
from warehouse.tables.accounts import LlmCall

# English prose and JSON have 3.5 to 4.5 bytes a token, other scripts down to 2; see `Ledger` for the rest.
_BYTES_PER_TOKEN = 3


def tokens_in_bytes(n_bytes: int) -> int:
    """How many tokens a text of so many bytes has, estimated rather high."""
    return n_bytes // _BYTES_PER_TOKEN + 1


def tokens_in_reply(reply: Reply) -> int:
    """Likewise, where the endpoint does not say."""
    texts = [
        reply.content or "",
        reply.thinking or "",
        *(call.name + call.arguments for call in reply.tool_calls),
    ]
    return tokens_in_bytes(sum(len(text.encode()) for text in texts))


def refuse_uncountable(budget: BudgetParams, asked: Mapping[str, Sequence[LlmParams]]) -> None:
    """Raises `UsageError` for caps in dollars without prices, and in tokens with replies of any length.

    asked: by stage, the endpoints that it asks; a cap of the whole run is over all of them.
    """
    for llm in chain.from_iterable(asked.values()):
        _refuse(budget, "[budget]", llm)
    for stage, caps in budget.stages.items():
        for llm in asked.get(stage, ()):
            _refuse(caps, f"[budget.stages.{stage}]", llm)


def _refuse(caps: Caps, where: str, llm: LlmParams) -> None:
    if caps.max_usd is not None and (llm.price_in is None or llm.price_out is None):
        missing = "price_in" if llm.price_in is None else "price_out"
        raise UsageError(
            f"{where} max_usd = {caps.max_usd:g} cannot be kept: {llm.section} {missing} is not set",
            fix=f"set {llm.section} price_in and price_out (USD per million tokens), "
            f"or use {where} max_tokens",
        )
    cap = "max_usd" if caps.max_usd is not None else "max_tokens" if caps.max_tokens is not None else None
    if cap is not None and llm.max_tokens is None:
        raise UsageError(
            f"{where} {cap} = {getattr(caps, cap):g} cannot be kept: a reply may have any length",
            fix=f"set {llm.section} max_tokens, the longest reply in tokens",
        )


def _priced_by(llm: LlmParams, spent: Spent) -> Spent:
    """What was spent on a request while its price was unknown, at the price that is known now."""
    usd = llm.cost_usd(spent.tokens_in, spent.tokens_out) if spent.unpriced else None
    return spent if usd is None else replace(spent, usd=spent.usd + usd, unpriced=0)


@dataclass(slots=True)
class _Account:
    """What a run, or one of its stages, has spent and set aside, and may spend.  where: in the TOML."""

    where: str
    caps: Caps
    used: Spent = field(default_factory=Spent)
    set_aside: Spent = field(default_factory=Spent)

    def cap_passed_by(self, spent: Spent) -> str | None:
        amounts = {"max_requests": spent.requests, "max_tokens": spent.tokens, "max_usd": spent.usd}
        for cap, amount in amounts.items():
            limit: float | None = getattr(self.caps, cap)
            if limit is not None and amount > limit:
                return cap
        return None


class Ledger:
    """The account of one run and of its stages.

    The worst case of a request (its estimated tokens and the longest reply) is set aside before it is
    sent, and what it really cost is booked afterwards.  Near a cap requests wait for those in flight,
    whose real cost may leave room; when there can be none, `OverBudget` is raised.

    Estimates are by bytes.  Where the endpoint counts more tokens than estimated (rare scripts, another
    tokeniser), all later estimates are raised by the worst ratio seen; so is the longest reply where the
    endpoint bills more than it was asked for (thinking that no limit holds).  Where tokens or dollars are
    capped, the first request goes alone, so that what it teaches holds for all others; a batch does not wait
    for it.  Use it in one event loop.

    llm: the endpoint of payments that name no other.  judges: by stage, those that are asked instead, whose
    prices count for what was spent before any were known.
    log: where a run that was killed finds what it had spent; what was in flight then counts at its worst.
    recorder: gets a row for each request of the run.
    """

    def __init__(
        self,
        budget: BudgetParams,
        llm: LlmParams,
        log: SpendingLog | None = None,
        *,
        recorder: Recorder | None = None,
        run_id: str = "",
        judges: Mapping[str, LlmParams] = MappingProxyType({}),
    ) -> None:
        self.llm = llm
        self.run_id = run_id
        self.recorder = recorder
        self._log = log
        self._run = _Account("[budget]", budget)
        self._stages = {
            stage: _Account(f"[budget.stages.{stage}]", caps) for stage, caps in budget.stages.items()
        }
        self._underestimate = 1.0
        self._overlong = 1.0
        self._is_measured = False
        self._first: Payment | None = None  # in flight before anything is measured
        self._queue = asyncio.Lock()
        self._booked = asyncio.Event()
        bookings = {} if log is None else log.bookings()
        self._earlier = {
            name: replace(booking, spent=_priced_by(judges.get(booking.stage, llm), booking.spent))
            for name, booking in bookings.items()
        }
        for booking in self._earlier.values():
            for account in self._accounts(booking.stage):
                account.used += booking.spent

    @property
    def used(self) -> Spent:
        """What was spent; a try that may have been billed without a reply counts at its worst case."""
        return self._run.used

    def reopened(self, name: str, payment: Payment) -> Payment:
        """The payment, as that of a request which an earlier start sent under that name.

        When that was of another run, this one pays for what comes of it, however little is left.  What is
        settled already stays as it is.
        """
        earlier = self._earlier.get(name)
        payment.begun = None
        if earlier is not None and earlier.settled:
            return payment
        payment.held = (
            payment.priced(payment.tokens_in, payment.max_tokens) if earlier is None else earlier.spent
        )
        payment.name = "" if earlier is None else name
        payment.sent(name)
        for account in self._accounts(payment.stage):
            account.used -= Spent() if earlier is None else payment.held
            account.set_aside += payment.held
        return payment

    async def set_aside(self, payment: Payment) -> None:
        """Sets the worst case aside; first come, first served.  Raises `OverBudget`."""
        accounts = self._accounts(payment.stage)
        async with self._queue:
            while True:
                need = self._at_worst(payment)
                is_batch = payment.discount > 0
                may_teach = not (self._is_measured or is_batch) and any(a.caps.of_tokens for a in accounts)
                waits = may_teach and self._first is not None
                if not waits and self._passed(accounts, need, in_flight=True) is None:
                    self._hold(accounts, need, payment)
                    self._first = payment if may_teach else self._first
                    return
                if (passed := self._passed(accounts, need, in_flight=False)) is not None:
                    raise self._over(*passed, need)
                self._booked.clear()
                await self._booked.wait()

    def set_aside_now(self, payment: Payment) -> bool:
        """The same without waiting; whether there was room."""
        accounts, need = self._accounts(payment.stage), self._at_worst(payment)
        has_room = self._passed(accounts, need, in_flight=True) is None
        if has_room:
            self._hold(accounts, need, payment)
        return has_room

    def note_sent(self, payment: Payment, name: str = "") -> None:
        """The request leaves: from now on it counts, whatever becomes of this process.

        name: under which `reopened` finds it.
        """
        if self._log is not None and payment.held is not None and not payment.name:
            payment.name = self._log.held(payment.stage, payment.held, name)

    def book(self, payment: Payment, held: Spent, really: Spent) -> None:
        """Puts what was `really` spent in the place of what was set aside."""
        if really.requests:
            self.note_sent(payment)
        if self._log is not None and payment.name and really != held:
            self._log.settled(payment.name, really)
        for account in self._accounts(payment.stage):
            account.set_aside -= held
            account.used += really
        if payment is self._first:
            self._first = None
        self._booked.set()

    def learn(self, payment: Payment, counted: Usage) -> None:
        """Compares the estimate, and the longest reply that was asked for, with what the endpoint counted.

        Where it counted nothing, nothing more will be learnt by waiting for other replies.
        """
        self._is_measured = True
        self._underestimate = max(self._underestimate, counted.tokens_in / max(1, payment.tokens_in))
        if payment.max_tokens:
            self._overlong = max(self._overlong, counted.tokens_out / payment.max_tokens)

    def _accounts(self, stage: str) -> list[_Account]:
        of_stage = self._stages.get(stage)
        return [self._run] if of_stage is None else [self._run, of_stage]

    def _at_worst(self, payment: Payment) -> Spent:
        tokens_in, tokens_out = payment.tokens_in * self._underestimate, payment.max_tokens * self._overlong
        return payment.priced(round(tokens_in), math.ceil(tokens_out))

    def _hold(self, accounts: list[_Account], need: Spent, payment: Payment) -> None:
        for account in accounts:
            account.set_aside += need
        payment.held = need

    def _passed(
        self, accounts: list[_Account], need: Spent, *, in_flight: bool
    ) -> tuple[_Account, str] | None:
        """The first cap that `need` would pass, with all that is in flight or without it."""
        for account in accounts:
            spent = account.used + need
            # What is left of sums and differences of dollars when nothing is in flight is no money.
            if in_flight and account.set_aside.requests:
                spent += account.set_aside
            cap = account.cap_passed_by(spent)
            if cap is not None:
                return account, cap
        return None

    def _over(self, account: _Account, cap: str, need: Spent) -> OverBudget:
        used = account.used
        cost = "" if used.cost_usd is None else f", {used.cost_usd:.4f} USD"
        named = f"{account.where} {cap}"
        return OverBudget(
            f"the next request could pass {named} = {getattr(account.caps, cap):g}: used so far are "
            f"{used.requests} requests, {used.tokens} tokens{cost}; "
            f"the request may take {need.tokens} tokens",
            fix=f"raise {named} and run the same command again: what is finished is kept, "
            "and no reply is paid for twice",
        )


@dataclass(slots=True, eq=False)
class Payment:
    """What one request costs the run: set aside before each try, settled by what came of it, then a row.

    llm: the endpoint that is asked, where that is not the ledger's.  discount: share of the price saved.
    tokens_in, max_tokens: estimated, and of the longest reply.  store, key: where the reply is kept.  tries:
    those that were sent.  held: set aside for the try at hand; name: its own in the spending log, once it was
    sent.  is_received: its reply came, and was booked.
    """

    ledger: Ledger
    stage: str = ""
    row_id: str = ""
    ordinal: int = 0
    discount: float = 0.0
    llm: LlmParams | None = None
    tokens_in: int = 0
    max_tokens: int = 0
    key: str | None = None
    store: StoresReplies | None = None
    tries: int = 0
    held: Spent | None = None
    name: str = ""
    is_received: bool = False
    from_store: bool = False
    begun: float | None = field(default_factory=monotonic)
    _is_sent: bool = False

    async def admit(self) -> None:
        """Before each try.  Raises `OverBudget`."""
        if self.held is None:
            await self.ledger.set_aside(self)

    def admit_now(self) -> bool:
        """Without waiting; whether there is room."""
        return self.ledger.set_aside_now(self)

    def sent(self, name: str = "") -> None:
        """The try leaves now.  name: under which a later start may reopen it."""
        self._is_sent = True
        self.ledger.note_sent(self, name)

    def failed(self, cost: Cost) -> None:
        """The try brought no reply; the next one is admitted anew.  What was not sent costs nothing."""
        if self.held is not None:
            really = {Cost.NOTHING: Spent(), Cost.REQUEST: Spent(1), Cost.WORST: self.held}
            self._book(self.held, really[cost if self._is_sent else Cost.NOTHING])

    def release(self) -> None:
        """It is over: what was set aside and not sent is given back, what was sent and broken off is lost."""
        self.failed(Cost.WORST)

    def received(self, reply: Reply) -> None:
        """The reply is here."""
        self.settle(reply.usage, tokens_in_reply(reply))
        self.is_received = True
        self._record(reply)

    async def keep(self, reply: Reply) -> None:
        """Returns once the reply is in the store; only then may it be used."""
        if self.store is not None and self.key is not None:
            await self.store.put(bytes.fromhex(self.key), reply)

    def settle(self, usage: Usage, reply_tokens: int) -> None:
        """reply_tokens: an estimate, for endpoints that report no usage."""
        if self.held is None:
            return
        # An endpoint may count one side only, and no reply is for nothing.
        tokens_in = usage.tokens_in or self.held.tokens_in
        tokens_out = usage.tokens_out or reply_tokens
        self.ledger.learn(self, usage)
        self._book(self.held, self.priced(tokens_in, tokens_out))

    def given(self, reply: Reply) -> None:
        """The reply was paid for before."""
        self.from_store = True
        self._record(reply)

    def refused(self, error: ToolloomError) -> None:
        """There is no reply, and will be none."""
        self._record(None, error)

    def priced(self, tokens_in: int, tokens_out: int) -> Spent:
        """One request of so many tokens, at what its own endpoint takes for them."""
        usd = (self.llm or self.ledger.llm).cost_usd(tokens_in, tokens_out)
        if usd is None:
            return Spent(1, tokens_in, tokens_out, unpriced=1)
        return Spent(1, tokens_in, tokens_out, usd * (1 - self.discount))

    def _book(self, held: Spent, really: Spent) -> None:
        self.ledger.book(self, held, really)
        self.held, self.name, self._is_sent = None, "", False

    def _record(self, reply: Reply | None, error: ToolloomError | None = None) -> None:
        """The only place where a row of `llm_calls` is made."""
        if self.ledger.recorder is None:
            return
        usage = Usage() if reply is None else reply.usage
        is_timed = self.begun is not None and not self.from_store
        self.ledger.recorder.record(
            LlmCall(
                run_id=self.ledger.run_id,
                stage=self.stage,
                row_id=self.row_id,
                ordinal=self.ordinal,
                model=(self.llm or self.ledger.llm).model,
                tokens_in=usage.tokens_in,
                tokens_out=usage.tokens_out,
                cost_usd=self._cost(reply),
                latency_ms=(monotonic() - (self.begun or 0.0)) * 1000 if is_timed else 0.0,
                attempts=0 if self.from_store else self.tries,
                from_store=self.from_store,
                error=None if error is None else describe(error),
                store_key=self.key,
            )
        )

    def _cost(self, reply: Reply | None) -> float | None:
        """What this run paid: nothing for a stored reply or an error, unknown when no usage was reported."""
        llm = self.llm or self.ledger.llm
        if reply is None or self.from_store:
            return llm.cost_usd(0, 0)
        usage = reply.usage
        usd = llm.cost_usd(usage.tokens_in, usage.tokens_out) if usage.total else None
        return None if usd is None else usd * (1 - self.discount)


def describe(error: ToolloomError) -> str:
    """The kind of failure in one word; for a refused request also what the endpoint said."""
    return f"{error.reason}: {error.message}" if isinstance(error, BadRow) else type(error).__name__
