"""What a run may spend: nothing is sent that could take it past a cap of `[budget]`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tasks.errors import OverBudget, UsageError
from tasks.llm.chat import Usage
from tasks.llm.params import BudgetParams, LlmParams

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


class Ledger:
    """The account of one run.

    The worst case of a request (its estimated tokens and the longest reply) is set aside before it is
    sent, and what it really cost is booked afterwards.  Near a cap requests wait for those in flight,
    whose real cost may leave room; when there can be none, `OverBudget` is raised.

    Estimates are by bytes.  Where the endpoint counts more tokens than estimated (rare scripts, another
    tokeniser), all later estimates are raised by the worst ratio seen.  Use it in one event loop.
    """

    def __init__(self, budget: BudgetParams, llm: LlmParams) -> None:
        _refuse_uncountable(budget, llm)
        self._budget = budget
        self._llm = llm
        self._used = Spent()
        self._set_aside = Spent()
        self._underestimate = 1.0
        self._queue = asyncio.Lock()
        self._booked = asyncio.Event()

    @property
    def used(self) -> Spent:
        """What was spent; a try that may have been billed without a reply counts at its worst case."""
        return self._used

    def reservation(self, *, tokens_in: int, max_tokens: int | None, discount: float = 0.0) -> Reservation:
        """Leave for one request; nothing is set aside before `admit`.  discount: share of the price saved."""
        return Reservation(self, tokens_in, max_tokens or 0, discount)

    def priced(self, tokens_in: int, tokens_out: int, discount: float) -> Spent:
        """One request of so many tokens."""
        saved = (cost_usd(self._llm, tokens_in, tokens_out) or 0.0) * discount
        return Spent(1, tokens_in, tokens_out, saved)

    async def set_aside(self, tokens_in: int, tokens_out: int, discount: float = 0.0) -> Spent:
        """Sets the worst case aside and returns it; first come, first served.  Raises `OverBudget`."""
        async with self._queue:
            while True:
                need = self.priced(round(tokens_in * self._underestimate), tokens_out, discount)
                if self._cap_passed_by(self._used + self._set_aside + need) is None:
                    self._set_aside += need
                    return need
                if (cap := self._cap_passed_by(self._used + need)) is not None:
                    raise self._over(cap, need)
                self._booked.clear()
                await self._booked.wait()

    def book(self, set_aside: Spent, really: Spent) -> None:
        """Puts what was `really` spent in the place of what was set aside."""
        self._set_aside -= set_aside
        self._used += really
        self._booked.set()

    def learn(self, estimated_in: int, counted_in: int) -> None:
        """Compares an estimate with what the endpoint counted."""
        self._underestimate = max(self._underestimate, counted_in / max(1, estimated_in))

    def _cap_passed_by(self, spent: Spent) -> str | None:
        usd = self._cost(spent)
        amounts: dict[str, float | None] = {
            "max_requests": spent.requests,
            "max_tokens": spent.tokens,
            "max_usd": usd,
        }
        for cap, amount in amounts.items():
            limit: float | None = getattr(self._budget, cap)
            if limit is not None and amount is not None and amount > limit:
                return cap
        return None

    def _cost(self, spent: Spent) -> float | None:
        usd = cost_usd(self._llm, spent.tokens_in, spent.tokens_out)
        return None if usd is None else usd - spent.saved_usd

    def _over(self, cap: str, need: Spent) -> OverBudget:
        used = self._used
        usd = self._cost(used)
        cost = "" if usd is None else f", {usd:.4f} USD"
        return OverBudget(
            f"the next request could pass [budget] {cap} = {getattr(self._budget, cap):g}: used so far are "
            f"{used.requests} requests, {used.tokens} tokens{cost}; "
            f"the request may take {need.tokens} tokens",
            fix=f"raise [budget] {cap} and run the same command again: what is finished is kept, "
            "and no reply is paid for twice",
        )


class Reservation:
    """One request's place in the ledger."""

    def __init__(self, ledger: Ledger, tokens_in: int, tokens_out: int, discount: float = 0.0) -> None:
        self._ledger = ledger
        self._tokens_in = tokens_in
        self._tokens_out = tokens_out
        self._discount = discount
        self._held: Spent | None = None

    async def admit(self) -> None:
        """Before each try.  Raises `OverBudget`."""
        if self._held is None:
            self._held = await self._ledger.set_aside(self._tokens_in, self._tokens_out, self._discount)

    def lost(self) -> None:
        """The try brought no reply and may have been billed: its worst case counts as spent."""
        if self._held is not None:
            self._ledger.book(self._held, self._held)
            self._held = None

    def settle(self, usage: Usage, reply_tokens: int) -> None:
        """The reply came.  reply_tokens: an estimate, for endpoints that report no usage."""
        if self._held is None:
            return
        if usage.total:
            self._ledger.learn(self._tokens_in, usage.tokens_in)
            really = self._ledger.priced(usage.tokens_in, usage.tokens_out, self._discount)
        else:
            really = self._ledger.priced(self._held.tokens_in, reply_tokens, self._discount)
        self._ledger.book(self._held, really)
        self._held = None

    def release(self) -> None:
        """Gives back what is still set aside; harmless after `settle`."""
        if self._held is not None:
            self._ledger.book(self._held, Spent())
            self._held = None


def _refuse_uncountable(budget: BudgetParams, llm: LlmParams) -> None:
    """Caps that could not be kept: without prices, or with replies of any length."""
    if budget.max_usd is not None and (llm.price_in is None or llm.price_out is None):
        missing = "price_in" if llm.price_in is None else "price_out"
        raise UsageError(
            f"[budget] max_usd = {budget.max_usd:g} cannot be kept: [llm] {missing} is not set",
            fix="set [llm] price_in and price_out (USD per million tokens), or use [budget] max_tokens",
        )
    cap = "max_usd" if budget.max_usd is not None else "max_tokens" if budget.max_tokens is not None else None
    if cap is not None and llm.max_tokens is None:
        raise UsageError(
            f"[budget] {cap} = {getattr(budget, cap):g} cannot be kept: a reply may have any length",
            fix="set [llm] max_tokens, the longest reply in tokens",
        )
