"""What a run may spend: nothing is sent that could take it past a cap of `[budget]`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tasks.errors import OverBudget, UsageError
from tasks.llm.asking import Cost
from tasks.llm.chat import Usage
from tasks.llm.params import BudgetParams, Caps, LlmParams
from tasks.llm.spending import Numbers, SpendingLog

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Spent:
    """Requests and tokens, spent or set aside.  saved_usd: what a lower price took off their cost."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    saved_usd: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.saved_usd + other.saved_usd,
        )

    def __sub__(self, other: Spent) -> Spent:
        return Spent(
            self.requests - other.requests,
            self.tokens_in - other.tokens_in,
            self.tokens_out - other.tokens_out,
            self.saved_usd - other.saved_usd,
        )

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


def cost_usd(params: LlmParams, tokens_in: int, tokens_out: int) -> float | None:
    """Price of so many tokens; None while `[llm]` does not say what they cost."""
    if params.price_in is None or params.price_out is None:
        return None
    return (tokens_in * params.price_in + tokens_out * params.price_out) / _MILLION


def _cost(llm: LlmParams, spent: Spent) -> float | None:
    usd = cost_usd(llm, spent.tokens_in, spent.tokens_out)
    return None if usd is None else usd - spent.saved_usd


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
    used: Spent = Spent()
    set_aside: Spent = Spent()

    def cap_passed_by(self, spent: Spent, llm: LlmParams) -> str | None:
        amounts: dict[str, float | None] = {
            "max_requests": spent.requests,
            "max_tokens": spent.tokens,
            "max_usd": _cost(llm, spent),
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
    tokeniser), all later estimates are raised by the worst ratio seen.  Use it in one event loop.

    log: where a run that was killed finds what it had spent; what was in flight then counts at its worst.
    """

    def __init__(self, budget: BudgetParams, llm: LlmParams, log: SpendingLog | None = None) -> None:
        _refuse_uncountable(budget, llm)
        self._llm = llm
        self._log = log
        self._run = _Account("[budget]", budget)
        self._stages = {
            stage: _Account(f"[budget.stages.{stage}]", caps) for stage, caps in budget.stages.items()
        }
        self._underestimate = 1.0
        self._queue = asyncio.Lock()
        self._booked = asyncio.Event()
        for booking in () if log is None else log.bookings():
            spent = Spent(*booking.numbers)
            for account in self._accounts(booking.stage):
                account.used += spent

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
        saved = (cost_usd(self._llm, tokens_in, tokens_out) or 0.0) * discount
        return Spent(1, tokens_in, tokens_out, saved)

    async def set_aside(self, tokens_in: int, tokens_out: int, stage: str, discount: float) -> Held:
        """Sets the worst case aside and returns it; first come, first served.  Raises `OverBudget`."""
        accounts = self._accounts(stage)
        async with self._queue:
            while True:
                need = self.priced(round(tokens_in * self._underestimate), tokens_out, discount)
                if self._passed(accounts, need, in_flight=True) is None:
                    return self._hold(accounts, need, stage)
                if (passed := self._passed(accounts, need, in_flight=False)) is not None:
                    raise self._over(*passed, need)
                self._booked.clear()
                await self._booked.wait()

    def set_aside_now(self, tokens_in: int, tokens_out: int, stage: str) -> Held | None:
        """The same without waiting; None when there is no room now."""
        accounts = self._accounts(stage)
        need = self.priced(round(tokens_in * self._underestimate), tokens_out, 0.0)
        has_room = self._passed(accounts, need, in_flight=True) is None
        return self._hold(accounts, need, stage) if has_room else None

    def cost(self, tokens_in: int, tokens_out: int) -> float | None:
        return cost_usd(self._llm, tokens_in, tokens_out)

    def sent(self, held: Held) -> None:
        """The request leaves: from now on it counts, whatever becomes of this process."""
        if self._log is not None and not held.name:
            held.name = self._sent(self._log, held)

    def _sent(self, log: SpendingLog, held: Held) -> str:
        return log.held(held.stage, _numbers(held.spent))

    def book(self, held: Held, really: Spent) -> None:
        """Puts what was `really` spent in the place of what was set aside."""
        if self._log is not None and (held.name or really.requests):
            self._log.settled(held.name or self._sent(self._log, held), _numbers(really))
        for account in self._accounts(held.stage):
            account.set_aside -= held.spent
            account.used += really
        self._booked.set()

    def learn(self, estimated_in: int, counted_in: int) -> None:
        """Compares an estimate with what the endpoint counted."""
        self._underestimate = max(self._underestimate, counted_in / max(1, estimated_in))

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
        usd = _cost(self._llm, used)
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

    def __init__(self, ledger: Ledger, tokens_in: int, tokens_out: int, stage: str, discount: float) -> None:
        self._ledger = ledger
        self._tokens_in = tokens_in
        self._tokens_out = tokens_out
        self._stage = stage
        self._discount = discount
        self._held: Held | None = None
        self._is_sent = False

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

    def sent(self) -> None:
        """The try leaves now."""
        if self._held is not None:
            self._is_sent = True
            self._ledger.sent(self._held)

    def failed(self, cost: Cost) -> None:
        """The try brought no reply; the next one is admitted anew."""
        if self._held is not None:
            really = {Cost.NOTHING: Spent(), Cost.REQUEST: Spent(1), Cost.WORST: self._held.spent}
            self._book(self._held, really[cost])

    def settle(self, usage: Usage, reply_tokens: int) -> None:
        """The reply came.  reply_tokens: an estimate, for endpoints that report no usage."""
        if self._held is None:
            return
        if usage.total:
            self._ledger.learn(self._tokens_in, usage.tokens_in)
            really = self._ledger.priced(usage.tokens_in, usage.tokens_out, self._discount)
        else:
            really = self._ledger.priced(self._held.spent.tokens_in, reply_tokens, self._discount)
        self._book(self._held, really)

    def release(self) -> None:
        """Gives back what is still set aside, unless the try was sent; harmless after `settle`."""
        self.failed(Cost.WORST if self._is_sent else Cost.NOTHING)

    def _book(self, held: Held, really: Spent) -> None:
        self._ledger.book(held, really)
        self._held, self._is_sent = None, False


def _refuse_uncountable(budget: BudgetParams, llm: LlmParams) -> None:
    """Caps that could not be kept: without prices, or with replies of any length."""
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
