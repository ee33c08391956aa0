"""What is tried again, how often and how long: each request by itself, and all together while nobody
is answered.  `Retried` is the layer that does so.
"""

from __future__ import annotations

import asyncio
import difflib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from tasks.errors import (
    BrokenContract,
    ConnectionFailed,
    EndpointDown,
    RateLimited,
    RequestRefused,
    ServerFailed,
    ToolloomError,
    Transient,
)
from tasks.llm.chat import Reply
from tasks.llm.client import Asks, Client, FieldRefused, PreparedRequest
from tasks.llm.failures import BrokenOff, Cost, MalformedReply, ModelUnknown, TimedOut, Unreachable
from tasks.transport.retry import Backoff

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

_UNANSWERED_IN_A_ROW = 2
LONGEST_PAUSE_S = 20.0


class RetryState:
    """The tries of one request.

    Tells an endpoint that is away from a request that it fails at: when several tries in a row fail and
    nobody else is answered meanwhile, the endpoint counts as away (`CircuitBreaker`), for all requests.
    """

    def __init__(self, prepared: PreparedRequest, breaker: CircuitBreaker, first_pause_s: float) -> None:
        self._prepared = prepared
        self._breaker = breaker
        self._begun = monotonic()
        self._unanswered: list[float] = []
        self._failures: Counter[type[Transient]] = Counter()
        self._last: Transient | None = None
        self._first_pause_s = first_pause_s

    def failed(self, error: Transient) -> None:
        self._last = error
        self._failures[type(error)] += 1
        if isinstance(error, RateLimited | MalformedReply):
            return  # somebody is there
        self._unanswered = [sent for sent in self._unanswered if sent >= self._breaker.last_answer]
        if self.is_unanswered:
            self._unanswered.append(self._prepared.sent_at)
        if isinstance(error, Unreachable) or len(self._unanswered) >= _UNANSWERED_IN_A_ROW:
            self._breaker.open(error)

    @property
    def is_unanswered(self) -> bool:
        """Whether nobody was answered since the last try was sent."""
        return self._prepared.sent_at >= self._breaker.last_answer

    @property
    def is_alone(self) -> bool:
        """Whether nobody was answered since this request began."""
        return self._begun >= self._breaker.last_answer

    def exhausted(self) -> bool:
        """Whether the last failure was the last try."""
        if self._last is None:
            return False
        if isinstance(self._last, RateLimited):
            # Counted from the first refusal of any request since the last answer: many wait, and each of
            # them finding out by itself would take as many times as long.
            return (self._last.retry_after or 0) > self._breaker.pauses_left_s
        at_most = RETRIES[type(self._last)].at_most
        if at_most is None:
            return False
        counted = sum(n for kind, n in self._failures.items() if RETRIES[kind].at_most is not None)
        if self.is_alone:
            at_most = min(at_most, RETRIES[type(self._last)].alone_at_most)
        return counted >= self._prepared.attempts or self._failures[type(self._last)] >= at_most

    def pause(self) -> float:
        """Seconds until the next try."""
        if isinstance(self._last, Unreachable):
            return 0.0  # `CircuitBreaker` waits, for all requests at once
        if isinstance(self._last, RateLimited):
            return self._prepared.pause_s + random.uniform(0, self._first_pause_s)  # noqa: S311
        backoff = Backoff(self._first_pause_s, LONGEST_PAUSE_S, jitter_s=self._first_pause_s)
        return backoff.pause_s(self._failures.total())


class CircuitBreaker:
    """Whether the endpoint is away.

    While it is, every request waits here, one of them probes with growing pauses, and all go on when a
    probe is answered.  After `patience_s` without an answer all of them get `EndpointDown`; a request
    made later costs one more probe, no more waiting.  `opened` is called at the beginning of each outage.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        *,
        where: str,
        patience_s: float,
        first_pause_s: float,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._probe = probe
        self._opened = opened
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

    def raise_if_refused_too_long(self) -> None:
        """Raises `EndpointDown` when nobody was let through for `patience_s`: no try is worth it then."""
        if self._refusal is not None and self._refused_since is not None and self.pauses_left_s <= 0:
            raise self.limited(self._refusal)

    def limited(self, error: RateLimited) -> EndpointDown:
        asked = "" if error.retry_after is None else f" (it asks for a pause of {error.retry_after:g} s)"
        return EndpointDown(
            f"the model endpoint {self._where} lets no request through{asked}: {error.message}",
            fix="run the same command again when the limit is lifted: what is finished is kept; "
            "[llm] requests_per_minute, tokens_per_minute and concurrency keep below a limit",
        )

    def open(self, error: ToolloomError) -> None:
        """The endpoint was found away; the first to notice starts the clock."""
        if self._since is None:
            self._answering.clear()
            self._since = monotonic()
            self._n_probes = 0
            self._note(error)
            self._opened()

    @property
    def is_open(self) -> bool:
        return self._since is not None

    @property
    def standing(self) -> str:
        """For people, while it lasts."""
        if self._since is None:
            return ""
        return f"the model endpoint has been away for {monotonic() - self._since:.0f} s: {self._reason[:100]}"

    def close(self) -> None:
        """The endpoint answered."""
        self.last_answer = monotonic()
        self._refused_since = None
        if self._since is not None:
            self._since = None
            self._answering.set()

    async def until_closed(self) -> None:
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
            self.close()

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


# So many requests in a row are not to blame themselves.
_FAILED_IN_A_ROW = 10
_LONGEST_STANDING = 100
_MOST_NAMES = 12


class Retried:
    """Tries a request again while that may help; tells one that fails from an endpoint that is away."""

    def __init__(self, inner: Asks, breaker: CircuitBreaker, client: Client, first_pause_s: float) -> None:
        self._inner = inner
        self._breaker = breaker
        self._client = client
        self._first_pause_s = first_pause_s
        self._failed_in_a_row = 0
        self._n_tried_again, self._last_failure = 0, ""

    @property
    def standing(self) -> str:
        if not self._n_tried_again:
            return ""
        requests = "1 request" if self._n_tried_again == 1 else f"{self._n_tried_again:,} requests"
        return f"{requests} tried again: {self._last_failure[:_LONGEST_STANDING]}"

    async def ask(self, prepared: PreparedRequest) -> Reply:
        """Raises `RequestRefused` for this request, `StopRun` for the whole run."""
        try:
            reply = await self._answered(prepared)
        except RateLimited as error:
            raise self._breaker.limited(error) from error
        except MalformedReply as error:
            raise not_the_protocol(self._client, error) from error
        except ModelUnknown as error:
            raise await unknown_model(self._client, error) from error
        self._failed_in_a_row = 0
        return reply

    async def _answered(self, prepared: PreparedRequest) -> Reply:
        state = RetryState(prepared, self._breaker, self._first_pause_s)
        try:
            return await self._try(prepared, state)
        except Transient as error:
            failure = error
        self._n_tried_again += 1
        try:
            while not state.exhausted():
                self._last_failure = failure.message
                await asyncio.sleep(state.pause())
                try:
                    return await self._try(prepared, state)
                except Transient as error:
                    failure = error
            if isinstance(failure, RateLimited) or (isinstance(failure, MalformedReply) and state.is_alone):
                raise failure
            if not isinstance(failure, MalformedReply) and state.is_unanswered:
                self._breaker.open(failure)
                await self._breaker.until_closed()
            raise self._failed(failure) from failure
        finally:
            self._n_tried_again -= 1

    async def _try(self, prepared: PreparedRequest, state: RetryState) -> Reply:
        while True:
            await self._breaker.until_closed()
            try:
                return await self._inner.ask(prepared)
            except FieldRefused:
                continue  # the client has put it into the form that is wanted
            except Transient as error:
                state.failed(error)
                raise

    def _failed(self, error: Transient) -> RequestRefused | EndpointDown:
        """It answers, were it only a ping, and every try of this request failed."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row < _FAILED_IN_A_ROW:
            told = f"the endpoint answers others and fails at this request: {error.message}"
            return RequestRefused("endpoint_failed", told)
        where = self._client.where
        return EndpointDown(
            f"the model endpoint {where} failed at {self._failed_in_a_row} requests in a row, though it is "
            f"there: {error.message}",
            fix=f"{error.fix or f'look at the log of the server at {where}'}, then run the same command "
            "again: what is finished is kept",
        )


async def unknown_model(client: Client, error: ModelUnknown) -> BrokenContract:
    """`error`, with the names of the models that the endpoint does offer."""
    model = client.params.model
    try:
        offered = await client.models()
    except (Transient, BrokenContract, RequestRefused):
        offered = []  # the names are a help, no more
    if not offered:
        return BrokenContract(
            f"{error.message}; asked for {model!r} at {client.where}",
            fix="correct [llm] model, or [llm] base_url, which ends in /v1 as a rule",
        )
    nearest = difflib.get_close_matches(model, offered, n=_MOST_NAMES, cutoff=0.0)
    rest = len(offered) - len(nearest)
    names = ", ".join(nearest) + (f" and {rest} more" if rest else "")
    return BrokenContract(
        f"the model endpoint {client.where} does not offer the model {model!r}",
        fix=f"set [llm] model to one that it offers: {names}",
    )


def not_the_protocol(client: Client, error: MalformedReply) -> BrokenContract:
    """`error`, for a run: something answers at that address, but no chat model."""
    return BrokenContract(
        f"the model endpoint {client.where} does not speak the chat protocol: {error.message}",
        fix="[llm] base_url must be the address of an OpenAI-compatible API; it ends in /v1 as a rule",
    )
