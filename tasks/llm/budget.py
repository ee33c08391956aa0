"""What a run may spend: nothing is sent that could take it past a cap of `[budget]`."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from tasks.errors import OverBudget, UsageError
from tasks.llm.asking import Cost
from tasks.llm.chat import Reply, Usage
from tasks.llm.params import BudgetParams, Caps, LlmParams
from tasks.llm.spending import Booking, Numbers, SpendingLog, Spent

# English prose and JSON have 3.5 to 4.5 bytes a token, other scripts down to 2; see `Ledger` for the rest.
_BYTES_PER_TOKEN = 3


def cost_of(llm: LlmParams, spent: Spent) -> float | None:
    """What was spent in dollars; None while prices are unknown."""
    usd = llm.cost_usd(spent.tokens_in, spent.tokens_out)
    return None if usd is None else usd - spent.saved_usd


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


def refuse_uncountable(budget: BudgetParams, llm: LlmParams) -> None:
    """Raises `UsageError` for caps in dollars without prices, and in tokens with replies of any length."""
    _refuse(budget, "[budget]", llm)
    for stage, caps in budget.stages.items():
        _refuse(caps, f"[budget.stages.{stage}]", llm)


def _refuse(caps: Caps, where: str, llm: LlmParams) -> None:
    if caps.max_usd is not None and (llm.price_in is None or llm.price_out is None):
        missing = "price_in" if llm.price_in is None else "price_out"
        raise UsageError(
            f"{where} max_usd = {caps.max_usd:g} cannot be kept: [llm] {missing} is not set",
            fix=f"set [llm] price_in and price_out (USD per million tokens), or use {where} max_tokens",
        )
    cap = "max_usd" if caps.max_usd is not None else "max_tokens" if caps.max_tokens is not None else None
    if cap is not None and llm.max_tokens is None:
        raise UsageError(
            f"{where} {cap} = {getattr(caps, cap):g} cannot be kept: a reply may have any length",
            fix="set [llm] max_tokens, the longest reply in tokens",
        )


@dataclass(slots=True)
class Held:
    """What was set aside for one request.  name: its own in the spending log, once it was sent."""

    stage: str
    spent: Spent
    name: str = ""


@dataclass(slots=True)
class _Account:
    """What a run, or one of its stages, has spent and set aside, and may spend.  where: in the TOML."""

    where: str
    caps: Caps
    used: Spent = field(default_factory=Spent)
    set_aside: Spent = field(default_factory=Spent)

    def cap_passed_by(self, spent: Spent, llm: LlmParams) -> str | None:
        amounts: dict[str, float | None] = {
            "max_requests": spent.requests,
            "max_tokens": spent.tokens,
            "max_usd": cost_of(llm, spent),
        }
        for cap, amount in amounts.items():
            limit: float | None = getattr(self.caps, cap)
            if limit is not None and amount is not None and amount > limit:
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

    log: where a run that was killed finds what it had spent; what was in flight then counts at its worst.
    """

    def __init__(self, budget: BudgetParams, llm: LlmParams, log: SpendingLog | None = None) -> None:
        refuse_uncountable(budget, llm)
        self._llm = llm
        self._log = log
        self._run = _Account("[budget]", budget)
        self._stages = {
            stage: _Account(f"[budget.stages.{stage}]", caps) for stage, caps in budget.stages.items()
        }
        self._underestimate = 1.0
        self._overlong = 1.0
        self._is_measured = False
        self._first: Held | None = None  # in flight before anything is measured
        self._queue = asyncio.Lock()
        self._booked = asyncio.Event()
        self._earlier: dict[str, Booking] = {} if log is None else log.bookings()
        for booking in self._earlier.values():
            for account in self._accounts(booking.stage):
                account.used += Spent(*booking.numbers)

    @property
    def used(self) -> Spent:
        """What was spent; a try that may have been billed without a reply counts at its worst case."""
        return self._run.used

    def reservation(
        self, *, tokens_in: int, max_tokens: int | None, stage: str = "", discount: float = 0.0
    ) -> Reservation:
        """Leave for one request; nothing is set aside before `admit`.  discount: share of the price saved."""
        return Reservation(self, tokens_in, max_tokens or 0, stage, discount)

    def priced(self, tokens_in: int, tokens_out: int, discount: float) -> Spent:
        """One request of so many tokens."""
        saved = (self._llm.cost_usd(tokens_in, tokens_out) or 0.0) * discount
        return Spent(1, tokens_in, tokens_out, saved)

    def _at_worst(self, tokens_in: int, tokens_out: int, discount: float) -> Spent:
        worst_in, worst_out = tokens_in * self._underestimate, tokens_out * self._overlong
        return self.priced(round(worst_in), math.ceil(worst_out), discount)

    async def set_aside(self, tokens_in: int, tokens_out: int, stage: str, discount: float) -> Held:
        """Sets the worst case aside and returns it; first come, first served.  Raises `OverBudget`."""
        accounts = self._accounts(stage)
        async with self._queue:
            while True:
                need = self._at_worst(tokens_in, tokens_out, discount)
                is_batch = discount > 0
                may_teach = not (self._is_measured or is_batch) and any(a.caps.of_tokens for a in accounts)
                waits = may_teach and self._first is not None
                if not waits and self._passed(accounts, need, in_flight=True) is None:
                    held = self._hold(accounts, need, stage)
                    self._first = held if may_teach else self._first
                    return held
                if (passed := self._passed(accounts, need, in_flight=False)) is not None:
                    raise self._over(*passed, need)
                self._booked.clear()
                await self._booked.wait()

    def set_aside_now(self, tokens_in: int, tokens_out: int, stage: str) -> Held | None:
        """The same without waiting; None when there is no room now."""
        accounts = self._accounts(stage)
        need = self._at_worst(tokens_in, tokens_out, 0.0)
        has_room = self._passed(accounts, need, in_flight=True) is None
        return self._hold(accounts, need, stage) if has_room else None

    def reopened(
        self, name: str, *, tokens_in: int, tokens_out: int, stage: str, discount: float
    ) -> Reservation:
        """Leave that an earlier start took under that name.

        When that was of another run, this one pays for what comes of it, however little is left.  What is
        settled already stays as it is.
        """
        earlier = self._earlier.get(name)
        held = Held(stage, self.priced(tokens_in, tokens_out, discount))
        if earlier is None:
            self.sent(held, name)
        else:
            held = Held(earlier.stage, Spent(*earlier.numbers), name)
        settled = earlier is not None and earlier.settled
        for account in () if settled else self._accounts(held.stage):
            account.used -= Spent() if earlier is None else held.spent
            account.set_aside += held.spent
        return Reservation(self, tokens_in, tokens_out, stage, discount, None if settled else held)

    def cost(self, usage: Usage, discount: float = 0.0) -> float | None:
        """Dollars; None where the endpoint did not say what it took, or prices are unknown."""
        usd = self._llm.cost_usd(usage.tokens_in, usage.tokens_out) if usage.total else None
        return None if usd is None else usd * (1 - discount)

    def sent(self, held: Held, name: str = "") -> None:
        """The request leaves: from now on it counts, whatever becomes of this process.

        name: under which `reopened` finds it.
        """
        if self._log is not None and not held.name:
            held.name = self._log.held(held.stage, _numbers(held.spent), name)

    def book(self, held: Held, really: Spent) -> None:
        """Puts what was `really` spent in the place of what was set aside."""
        if really.requests:
            self.sent(held)
        if self._log is not None and held.name and really != held.spent:
            self._log.settled(held.name, _numbers(really))
        for account in self._accounts(held.stage):
            account.set_aside -= held.spent
            account.used += really
        if held is self._first:
            self._first = None
        self._booked.set()

    def learn(self, estimated_in: int, counted_in: int, most_out: int = 0, counted_out: int = 0) -> None:
        """Compares an estimate, and the longest reply that was asked for, with what the endpoint counted.

        Where it counted nothing, nothing more will be learnt by waiting for other replies.
        """
        self._is_measured = True
        self._underestimate = max(self._underestimate, counted_in / max(1, estimated_in))
        if most_out:
            self._overlong = max(self._overlong, counted_out / most_out)

    def _accounts(self, stage: str) -> list[_Account]:
        of_stage = self._stages.get(stage)
        return [self._run] if of_stage is None else [self._run, of_stage]

    def _hold(self, accounts: list[_Account], need: Spent, stage: str) -> Held:
        for account in accounts:
            account.set_aside += need
        return Held(stage, need)

    def _passed(
        self, accounts: list[_Account], need: Spent, *, in_flight: bool
    ) -> tuple[_Account, str] | None:
        """The first cap that `need` would pass, with all that is in flight or without it."""
        for account in accounts:
            spent = account.used + need + (account.set_aside if in_flight else Spent())
            cap = account.cap_passed_by(spent, self._llm)
            if cap is not None:
                return account, cap
        return None

    def _over(self, account: _Account, cap: str, need: Spent) -> OverBudget:
        used = account.used
        usd = cost_of(self._llm, used)
        cost = "" if usd is None else f", {usd:.4f} USD"
        named = f"{account.where} {cap}"
        return OverBudget(
            f"the next request could pass {named} = {getattr(account.caps, cap):g}: used so far are "
            f"{used.requests} requests, {used.tokens} tokens{cost}; "
            f"the request may take {need.tokens} tokens",
            fix=f"raise {named} and run the same command again: what is finished is kept, "
            "and no reply is paid for twice",
        )


def _numbers(spent: Spent) -> Numbers:
    return spent.requests, spent.tokens_in, spent.tokens_out, spent.saved_usd


class Reservation:
    """One request's place in the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        tokens_in: int,
        tokens_out: int,
        stage: str,
        discount: float,
        held: Held | None = None,
    ) -> None:
        """held: what was set aside for it and sent already."""
        self._ledger = ledger
        self._tokens_in = tokens_in
        self._tokens_out = tokens_out
        self._stage = stage
        self._discount = discount
        self._held = held
        self._is_sent = held is not None

    async def admit(self) -> None:
        """Before each try.  Raises `OverBudget`."""
        if self._held is None:
            self._held = await self._ledger.set_aside(
                self._tokens_in, self._tokens_out, self._stage, self._discount
            )

    def admit_now(self) -> bool:
        """Without waiting; whether there is room."""
        self._held = self._ledger.set_aside_now(self._tokens_in, self._tokens_out, self._stage)
        return self._held is not None

    def sent(self, name: str = "") -> None:
        """The try leaves now.  name: under which a later start may reopen it."""
        if self._held is not None:
            self._is_sent = True
            self._ledger.sent(self._held, name)

    def failed(self, cost: Cost) -> None:
        """The try brought no reply; the next one is admitted anew."""
        if self._held is not None:
            really = {Cost.NOTHING: Spent(), Cost.REQUEST: Spent(1), Cost.WORST: self._held.spent}
            self._book(self._held, really[cost])

    def settle(self, usage: Usage, reply_tokens: int) -> None:
        """The reply came.  reply_tokens: an estimate, for endpoints that report no usage."""
        if self._held is None:
            return
        # An endpoint may count one side only, and no reply is for nothing.
        tokens_in = usage.tokens_in or self._held.spent.tokens_in
        tokens_out = usage.tokens_out or reply_tokens
        self._ledger.learn(self._tokens_in, usage.tokens_in, self._tokens_out, usage.tokens_out)
        self._book(self._held, self._ledger.priced(tokens_in, tokens_out, self._discount))

    def release(self) -> None:
        """Gives back what is still set aside, unless the try was sent; harmless after `settle`."""
        self.failed(Cost.WORST if self._is_sent else Cost.NOTHING)

    def _book(self, held: Held, really: Spent) -> None:
        self._ledger.book(held, really)
        self._held, self._is_sent = None, False
