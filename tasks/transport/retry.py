"""How long to wait before something is tried again: what the server asks for, or a pause that grows.

`Retry-After` and its relatives are read here and nowhere else, and tenacity is set up here.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
)

from tasks.errors import RateLimited, Transient

# Larger numbers are moments, in seconds or in milliseconds since 1970; no server asks for 30 years.
_SECONDS_SINCE_1970 = 1e9
_MILLISECONDS_SINCE_1970 = 1e12
_RESET = re.compile(r"^(?:x-ratelimit-reset(-.+)?|anthropic-ratelimit(-.+)-reset)$")
# In ASCII: `²` and the digits of other scripts are no numbers of a header.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|us|µs|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `retry-after-ms` or `Retry-After` (a number or a date) asks for; None without either.

    headers: names in lower case, or looked up in any.  Never negative, never infinite, and none for what
    is no number and no date.  A date is read against the server's own `Date`, so that a wrong clock on
    either side does no harm.
    """
    in_ms, asked = headers.get("retry-after-ms"), headers.get("retry-after")
    milliseconds = _number(in_ms)
    if milliseconds is not None:
        return _pause(milliseconds / 1000)
    return None if asked is None else _seconds(asked, _now(headers))


def pause_asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds until a server that refuses wants to be asked again; None when it does not say.

    As `retry_after`, and without that the longest reset among the limits that `x-ratelimit-remaining-*`
    calls used up (OpenAI, Groq, OpenRouter, Anthropic), where none is called so the shortest.
    """
    told = {name.lower(): text for name, text in headers.items()}
    asked = retry_after(told)
    if asked is not None:
        return asked
    resets = list(_resets(told))
    used_up = [seconds for seconds, is_used_up in resets if is_used_up]
    return max(used_up) if used_up else min((seconds for seconds, _ in resets), default=None)


def _resets(told: Mapping[str, str]) -> Iterator[tuple[float, bool]]:
    for name, text in told.items():
        seconds = None if _RESET.match(name) is None else _seconds(text, _now(told))
        if seconds is not None:
            remaining = _number(told.get(name.replace("reset", "remaining")))
            yield seconds, remaining is not None and remaining <= 0


def _now(headers: Mapping[str, str]) -> datetime:
    return _date(parsedate_to_datetime, headers.get("date")) or datetime.now(UTC)


def _seconds(text: str, now: datetime) -> float | None:
    """Seconds from now: of a number, a duration such as `6m0.5s`, a moment since 1970, or a date."""
    number = _number(text)
    if number is not None and number < _SECONDS_SINCE_1970:
        return _pause(number)
    if number is not None:
        moment = number / 1000 if number >= _MILLISECONDS_SINCE_1970 else number
        return _pause(moment - now.timestamp())
    parts = _DURATION.findall(text)
    if parts and "".join(amount + unit for amount, unit in parts) == text.strip():
        return _pause(sum(float(amount) * _UNITS[unit] for amount, unit in parts))
    until = _date(parsedate_to_datetime, text) or _date(datetime.fromisoformat, text)
    return None if until is None else _pause((until - now).total_seconds())


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text := text.strip()) else None


def _pause(seconds: float) -> float:
    """Not before now, and not for ever: tables and JSON hold no infinity."""
    return min(max(0.0, seconds), _SECONDS_SINCE_1970)


def _date(read: Callable[[str], datetime], text: str | None) -> datetime | None:
    try:
        date = read((text or "").strip())
    except (ValueError, OverflowError, TypeError, IndexError):  # no date, or one beyond all dates
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses in seconds that double from `first_s` up to `longest_s`.

    jitter_s: added at random, at most; also at the longest, or all who were refused would come back at once.
    """

    first_s: float
    longest_s: float
    jitter_s: float = 0.0

    def pause_s(self, n_failures: int) -> float:
        """After so many failures (one and more)."""
        growing = math.ldexp(self.first_s, min(n_failures - 1, 64))  # 2.0 ** 1024 is an error
        jitter = random.uniform(0, self.jitter_s) if self.jitter_s else 0.0  # noqa: S311 - no secret
        return min(growing, self.longest_s - self.jitter_s) + jitter

    def pause_after(self, n_failures: int, failure: BaseException | None) -> float:
        """What the failure asks for, as far as that is no longer than the longest; else the growing one."""
        asked = failure.retry_after if isinstance(failure, RateLimited) else None
        return self.pause_s(n_failures) if asked is None else min(asked, self.longest_s)


def is_transient(error: BaseException) -> bool:
    return isinstance(error, Transient)


def retrying(
    backoff: Backoff,
    *,
    attempts: int | None = None,
    within_s: float | None = None,
    may_pass: Callable[[BaseException], bool] = is_transient,
) -> AsyncRetrying:
    """Calls a coroutine function again while it fails with what may pass; then raises the last failure.

    attempts: calls at most.  within_s: no further call later than that after the first.
    """
    return AsyncRetrying(**_policy(backoff, attempts, within_s, may_pass))


def retrying_in_thread(
    backoff: Backoff,
    *,
    attempts: int | None = None,
    within_s: float | None = None,
    may_pass: Callable[[BaseException], bool] = is_transient,
) -> Retrying:
    """`retrying` of a plain function: the thread sleeps between calls."""
    return Retrying(**_policy(backoff, attempts, within_s, may_pass))


def _policy(
    backoff: Backoff,
    attempts: int | None,
    within_s: float | None,
    may_pass: Callable[[BaseException], bool],
) -> dict[str, Any]:
    def pause_s(state: RetryCallState) -> float:
        failure = None if state.outcome is None else state.outcome.exception()
        return backoff.pause_after(state.attempt_number, failure)

    ends = [] if attempts is None else [stop_after_attempt(attempts)]
    ends_in_time = [] if within_s is None else [stop_after_delay(within_s)]
    return {
        "retry": retry_if_exception(may_pass),
        "stop": stop_any(*ends, *ends_in_time),
        "wait": pause_s,
        "reraise": True,
    }
