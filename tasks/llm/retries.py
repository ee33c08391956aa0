"""Which failures of a model request are tried again, and how often: the one table of it.

docs/running.md prints it (`python -m flows.describe`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.errors import ConnectionFailed, RateLimited, ServerFailed, Transient
from tasks.llm.asking import Cost
from tasks.llm.failures import BrokenOff, MalformedReply, TimedOut, Unreachable

ALL_ATTEMPTS = 1_000_000
GROWING = "grows from 0.5 s to 20 s, with jitter"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often one request is tried when it fails this way.

    what: the failure, for readers.  at_most: tries that fail so, never more than `[llm] attempts` of all
    kinds together; None: tries are not counted, `[llm] outage_s` is the limit.  alone_at_most: likewise,
    while nobody else is answered either.  pause: what is waited for before the next try.  cost: what
    the try counts as in the budget; at worst, where the endpoint may have done the work although no reply
    arrived.
    """

    what: str
    at_most: int | None
    pause: str
    cost: Cost = Cost.REQUEST
    alone_at_most: int = ALL_ATTEMPTS


RETRIES: Mapping[type[Transient], Retry] = {
    Unreachable: Retry(
        "no connection: refused, no such name, no route",
        at_most=None,
        pause="all requests wait while one probes",
        cost=Cost.NOTHING,
    ),
    RateLimited: Retry(
        "429, 503, 529",
        at_most=None,
        pause="`retry-after-ms`, `Retry-After`, or the `x-ratelimit-reset-*` that is used up; "
        "without them, " + GROWING,
    ),
    ServerFailed: Retry("500, 502, 504 and other 5xx; 409, 425", at_most=ALL_ATTEMPTS, pause=GROWING),
    # It may be billed as far as it was written.
    BrokenOff: Retry(
        "a success with an error inside its choice, or one that ends with `finish_reason` error",
        at_most=ALL_ATTEMPTS,
        pause=GROWING,
        cost=Cost.WORST,
    ),
    ConnectionFailed: Retry(
        "the connection broke before the whole answer was here",
        at_most=ALL_ATTEMPTS,
        pause=GROWING,
        cost=Cost.WORST,
    ),
    # A long answer that timed out so often will time out again, and each try may be paid for.
    TimedOut: Retry(
        "no whole answer within `[llm] timeout_s`; 408", at_most=4, pause=GROWING, cost=Cost.WORST
    ),
    MalformedReply: Retry(
        "a success that is no chat completion: cut off, HTML, another shape",
        at_most=ALL_ATTEMPTS,
        alone_at_most=3,
        pause=GROWING,
        cost=Cost.WORST,
    ),
}
