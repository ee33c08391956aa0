"""When the next request may leave: not faster than asked, and not while the endpoint is away.

How many are in flight is for `tasks.llm.window`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from tasks.errors import EndpointDown, RateLimited, ToolloomError, Transient
from tasks.transport.retry import Backoff

LONGEST_PAUSE_S = 20.0


class Pace:
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


class Outage:
    """Whether the endpoint is away.

    While it is, every request waits here, one of them probes with growing pauses, and all go on when a
    probe is answered.  After `patience_s` without an answer all of them get `EndpointDown`; a request
    made later costs one more probe, no more waiting.  `begun` is called at the beginning of each outage.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        *,
        where: str,
        patience_s: float,
        first_pause_s: float,
        begun: Callable[[], None] = lambda: None,
    ) -> None:
        self._probe = probe
        self._begun = begun
        self._where = where
        self._patience_s = patience_s
        self._backoff = Backoff(first_pause_s, LONGEST_PAUSE_S)
        self._probing = asyncio.Lock()
        self._answering = asyncio.Event()
        self._since: float | None = None
        self._next_probe = 0.0
        self._n_probes = 0
        self._reason = ""
        self._mend = ""
        self.last_answer = 0.0
        self._refused_since: float | None = None
        self._last_refused = 0.0
        self._refusal: RateLimited | None = None

    def refused(self, error: RateLimited) -> None:
        """The endpoint wants a pause (429, 503).  So it is there, but may want pauses and nothing else."""
        now = monotonic()
        forgotten = now - self._last_refused > self._patience_s + LONGEST_PAUSE_S
        if self._refused_since is None or forgotten:
            self._refused_since = now
        self._last_refused, self._refusal = now, error

    @property
    def pauses_left_s(self) -> float:
        """How long pauses that are asked for are kept to, while it answers nobody."""
        if self._refused_since is None:
            return self._patience_s
        return self._refused_since + self._patience_s - monotonic()

    @property
    def refused_too_long(self) -> RateLimited | None:
        """The last refusal, when nobody was let through for `patience_s`: no request is worth a try then."""
        return self._refusal if self.pauses_left_s <= 0 and self._refused_since is not None else None

    def begin(self, error: ToolloomError) -> None:
        """The endpoint was found away; the first to notice starts the clock."""
        if self._since is None:
            self._answering.clear()
            self._since = monotonic()
            self._n_probes = 0
            self._note(error)
            self._begun()

    @property
    def is_on(self) -> bool:
        return self._since is not None

    @property
    def standing(self) -> str:
        """For people, while it lasts."""
        if self._since is None:
            return ""
        return f"the model endpoint has been away for {monotonic() - self._since:.0f} s: {self._reason[:100]}"

    def end(self) -> None:
        """The endpoint answered."""
        self.last_answer = monotonic()
        self._refused_since = None
        if self._since is not None:
            self._since = None
            self._answering.set()

    async def over(self) -> None:
        """Returns once the endpoint answers: as a rule at once.  Raises `EndpointDown`."""
        while self._since is not None:
            async with self._probing:
                if self._since is not None:
                    await self._wait_and_probe(self._since + self._patience_s)

    async def _wait_and_probe(self, deadline: float) -> None:
        now = monotonic()
        if now < self._next_probe:
            if now >= deadline:
                raise self._down()
            await self._pause(min(self._next_probe, deadline) - now)
        if self._since is None:
            return
        try:
            await self._probe()
        except Transient as error:
            self._n_probes += 1
            self._note(error)
        else:
            self.end()

    async def _pause(self, seconds: float) -> None:
        """Sleeps, but not past the moment another request is answered."""
        try:
            async with asyncio.timeout(seconds):
                await self._answering.wait()
        except TimeoutError:
            return

    def _note(self, error: ToolloomError) -> None:
        self._reason = error.message
        self._mend = error.fix or f"see that a server answers at {self._where} ([llm] base_url)"
        self._next_probe = monotonic() + self._backoff.pause_s(self._n_probes + 1)

    def _down(self) -> EndpointDown:
        return EndpointDown(
            f"the model endpoint {self._where} gave no usable answer for {self._patience_s:g} s: "
            f"{self._reason}",
            fix=f"{self._mend}, then run the same command again: what is finished is kept",
        )
