"""How many requests are in flight, and how fast they leave: the layer `Paced`, and what it keeps to."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

from tasks.errors import RateLimited, RequestRefused
from tasks.llm.chat import Reply
from tasks.llm.client import Client, FieldRefused, PreparedRequest
from tasks.llm.retry import LONGEST_PAUSE_S, CircuitBreaker
from tasks.transport.retry import Backoff

# So many refusals without an answer between them: the endpoint refuses everybody, not just one.
_ALL_REFUSED = 3
_FIRST_AFTER_A_PAUSE = 2
_STEPS_TO_FULL = 16


class ConcurrencyLimiter:
    """Admits at most `limit` requests at a time, first come, first served.

    `limit` follows the endpoint's answers as TCP's window does.  After each window of answers it shrinks
    by half the share that was refused (429, 503), as in RFC 8257, or grows by a fixed step.  When
    everybody is refused, nobody is admitted for as long as was asked for.  After a pause or an outage
    few go first, and `limit` doubles with each window that is answered, up to half of what it was: a
    waiting crowd is let in as fast as the endpoint takes it.  Use it in one event loop.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = float(most)
        self._double_until = float(most)
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._answers = 0
        self._refusals = 0
        self._refused_in_a_row = 0
        self._paused_until = 0.0
        self._wake: asyncio.TimerHandle | None = None

    async def enter(self) -> None:
        """Waits for a place; `leave` gives it back."""
        if not self._waiting and self._has_room():
            self._in_flight += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        self._in_flight -= 1
        self._admit()

    def answered(self) -> None:
        """The endpoint answered a request, whatever it said."""
        self._refused_in_a_row = 0
        self._count(refusals=0)

    def refused(self, pause_s: float) -> None:
        """The endpoint wants fewer requests, or none for `pause_s`, which is asked of the refused one alone
        unless everybody is refused."""
        self._refused_in_a_row += 1
        self._count(refusals=1)
        if self._refused_in_a_row >= _ALL_REFUSED:
            self.restart()
            self._pause(pause_s)

    def restart(self) -> None:
        """Few go first."""
        self._answers = self._refusals = 0
        if self.limit > _FIRST_AFTER_A_PAUSE:
            self._double_until = self.limit / 2
            self.limit = float(_FIRST_AFTER_A_PAUSE)

    def _has_room(self) -> bool:
        return self._in_flight < int(self.limit) and self._wake is None

    def _admit(self) -> None:
        while self._waiting and self._has_room():
            place = self._waiting.popleft()
            if not place.done():
                self._in_flight += 1
                place.set_result(None)

    def _count(self, *, refusals: int) -> None:
        if self._wake is not None:
            return  # sent before the pause
        self._answers += 1
        self._refusals += refusals
        if self._answers >= int(self.limit):
            self._adapt(self._refusals / self._answers)
            self._answers = self._refusals = 0

    def _adapt(self, refused: float) -> None:
        if refused:
            self.limit = self._double_until = max(1.0, self.limit * (1 - refused / 2))
        elif self.limit < self._double_until:
            self.limit = min(self.limit * 2, self._double_until)
        else:
            self.limit = min(self._most, self.limit + max(1.0, self._most / _STEPS_TO_FULL))
        self._admit()

    def _pause(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if until <= self._paused_until:
            return
        self._paused_until = until
        if self._wake is not None:
            self._wake.cancel()
        self._wake = loop.call_at(until, self._resume)

    def _resume(self) -> None:
        self._wake = None
        self._admit()


class RateLimiter:
    """Spreads what is asked for evenly over time: each unit takes its share of a minute.

    per_minute: None is no limit.  What turns out to cost more or less than announced is made good by the
    next ones.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 0.0 if per_minute is None else 60.0 / per_minute
        self._free_at = 0.0

    async def turn(self, units: float = 1) -> None:
        """Waits until `units` may be spent."""
        if not self._seconds_each:
            return
        now = monotonic()
        start = max(now, self._free_at)
        self._free_at = start + units * self._seconds_each
        if start > now:
            await asyncio.sleep(start - now)

    def correct(self, difference: float) -> None:
        """`difference` more units (fewer, when negative) were spent than announced."""
        if self._seconds_each:
            self._free_at += difference * self._seconds_each


class Paced:
    """Sends no more requests at a time, and none faster, than the endpoint takes."""

    def __init__(
        self, inner: Client, limiter: ConcurrencyLimiter, breaker: CircuitBreaker, first_pause_s: float
    ) -> None:
        self._inner = inner
        self._limiter = limiter
        self._breaker = breaker
        self._first_pause_s = first_pause_s
        self._requests = RateLimiter(inner.params.requests_per_minute)
        self._tokens = RateLimiter(inner.params.tokens_per_minute)

    async def ask(self, prepared: PreparedRequest) -> Reply:
        """Raises `EndpointDown` while nobody is let through for too long."""
        await self._limiter.enter()
        while self._breaker.is_open:
            self._limiter.leave()
            await self._breaker.until_closed()
            await self._limiter.enter()
        try:
            self._breaker.raise_if_refused_too_long()
            return await self._sent(prepared)
        finally:
            self._limiter.leave()

    async def _sent(self, prepared: PreparedRequest) -> Reply:
        announced = prepared.payment.tokens_in + prepared.payment.max_tokens
        await self._requests.turn()
        await self._tokens.turn(announced)
        try:
            reply = await self._inner.ask(prepared)
        except RateLimited as error:
            self._breaker.refused(error)
            prepared.n_refused += 1
            grown = Backoff(self._first_pause_s, LONGEST_PAUSE_S).pause_s(prepared.n_refused)
            prepared.pause_s = grown if error.retry_after is None else error.retry_after
            self._limiter.refused(min(prepared.pause_s, max(0.0, self._breaker.pauses_left_s)))
            raise
        except (RequestRefused, FieldRefused):
            self._note_answer()
            raise
        self._note_answer()
        if reply.usage.total:
            self._tokens.correct(reply.usage.total - announced)
        return reply

    def _note_answer(self) -> None:
        self._breaker.close()
        self._limiter.answered()
