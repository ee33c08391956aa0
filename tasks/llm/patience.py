"""How long one request is tried: `RETRIES`, put to use."""

from __future__ import annotations

import random
from collections import Counter
from time import monotonic

from tasks.errors import RateLimited, Transient
from tasks.llm.failures import MalformedReply, Unreachable
from tasks.llm.pacing import LONGEST_PAUSE_S, Outage
from tasks.llm.retries import RETRIES
from tasks.transport.retry import Backoff

_UNANSWERED_IN_A_ROW = 2


class Patience:
    """The tries of one request.

    Tells an endpoint that is away from a request that it fails at: when several tries in a row fail and
    nobody else is answered meanwhile, the endpoint counts as away (`Outage`), for all requests.
    """

    def __init__(self, attempts: int, outage: Outage, first_pause_s: float) -> None:
        self._attempts = attempts
        self._outage = outage
        self._begun = monotonic()
        self._sent_at = 0.0
        self._unanswered: list[float] = []
        self._failures: Counter[type[Transient]] = Counter()
        self._last: Transient | None = None
        self._first_pause_s = first_pause_s

    def sent(self) -> None:
        self._sent_at = monotonic()

    def failed(self, error: Transient) -> None:
        self._last = error
        self._failures[type(error)] += 1
        if isinstance(error, RateLimited):
            self._outage.refused(error)
        if isinstance(error, RateLimited | MalformedReply):
            return  # somebody is there
        self._unanswered = [sent for sent in self._unanswered if sent >= self._outage.last_answer]
        if self._sent_at >= self._outage.last_answer:
            self._unanswered.append(self._sent_at)
        if isinstance(error, Unreachable) or len(self._unanswered) >= _UNANSWERED_IN_A_ROW:
            self._outage.begin(error)

    @property
    def is_unanswered(self) -> bool:
        """Whether nobody was answered since the last try was sent."""
        return self._sent_at >= self._outage.last_answer

    @property
    def is_alone(self) -> bool:
        """Whether nobody was answered since this request began."""
        return self._begun >= self._outage.last_answer

    def exhausted(self) -> bool:
        """Whether the last failure was the last try."""
        if self._last is None:
            return False
        if isinstance(self._last, RateLimited):
            return self._is_limited_too_long(self._last.retry_after or 0)
        at_most = RETRIES[type(self._last)].at_most
        if at_most is None:
            return False
        counted = sum(n for kind, n in self._failures.items() if RETRIES[kind].at_most is not None)
        if self.is_alone:
            at_most = min(at_most, RETRIES[type(self._last)].alone_at_most)
        return counted >= self._attempts or self._failures[type(self._last)] >= at_most

    def _is_limited_too_long(self, pause_s: float) -> bool:
        """Whether the pause that is asked for would end after `outage_s` without an answer to anybody.

        Counted from the first refusal of any request since the last answer: many wait, and each of them
        finding out by itself would take as many times as long.
        """
        return pause_s > self._outage.pauses_left_s

    def pause(self) -> float:
        """Seconds until the next try."""
        if isinstance(self._last, Unreachable):
            return 0.0  # `Outage` waits, for all requests at once
        if isinstance(self._last, RateLimited):
            return self.pause_when_refused(self._last) + random.uniform(0, self._first_pause_s)  # noqa: S311
        backoff = Backoff(self._first_pause_s, LONGEST_PAUSE_S, jitter_s=self._first_pause_s)
        return backoff.pause_s(self._failures.total())

    def pause_when_refused(self, error: RateLimited) -> float:
        """Seconds that the endpoint asks for, or that grow with each refusal of this request."""
        if error.retry_after is not None:
            return error.retry_after
        return Backoff(self._first_pause_s, LONGEST_PAUSE_S).pause_s(self._failures[RateLimited])
