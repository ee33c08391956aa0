"""How long a server wants not to be asked, as its headers say it.  Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Larger numbers are moments, in seconds or in milliseconds since 1970; no server asks for 30 years.
_SECONDS_SINCE_1970 = 1e9
_MILLISECONDS_SINCE_1970 = 1e12
_RESET = re.compile(r"^(?:x-ratelimit-reset(-.+)?|anthropic-ratelimit(-.+)-reset)$")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def pause_asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds until the server wants to be asked again; None when it does not say.

    `retry-after-ms`, `Retry-After` (seconds or a date), or the longest reset among the limits that
    `x-ratelimit-remaining-*` calls used up (OpenAI, Groq, OpenRouter, Anthropic), where none is called
    so the shortest.  A date is read against the server's own `Date`, so that a wrong clock on either
    side does no harm.
    """
    told = {name.lower(): text for name, text in headers.items()}
    milliseconds = _number(told.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    now = _http_date(told.get("date")) or datetime.now(UTC)
    asked = _seconds(told.get("retry-after"), now)
    return asked if asked is not None else _until_reset(told, now)


def _until_reset(told: Mapping[str, str], now: datetime) -> float | None:
    resets = list(_resets(told, now))
    used_up = [seconds for seconds, is_used_up in resets if is_used_up]
    if used_up:
        return max(used_up)
    return min((seconds for seconds, _ in resets), default=None)


def _resets(told: Mapping[str, str], now: datetime) -> Iterator[tuple[float, bool]]:
    for name, text in told.items():
        match = _RESET.match(name)
        seconds = None if match is None else _seconds(text, now)
        if seconds is not None:
            remaining = _number(told.get(name.replace("reset", "remaining")))
            yield seconds, remaining is not None and remaining <= 0


def _seconds(text: str | None, now: datetime) -> float | None:
    """Seconds from now: of a number, a duration such as `6m0.5s`, a moment since 1970, or a date."""
    number = _number(text)
    if number is not None and number < _SECONDS_SINCE_1970:
        return max(0.0, number)
    if number is not None:
        moment = number / 1000 if number >= _MILLISECONDS_SINCE_1970 else number
        return max(0.0, moment - now.timestamp())
    duration = _duration(text)
    if duration is not None:
        return duration
    until = _http_date(text) or _iso_date(text)
    return None if until is None else max(0.0, (until - now).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _duration(text: str | None) -> float | None:
    parts = _DURATION.findall(text or "")
    if not parts or "".join(number + unit for number, unit in parts) != (text or "").strip():
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return seconds if math.isfinite(seconds) else None


def _http_date(text: str | None) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(text or ""))
    except (ValueError, OverflowError):  # beyond all dates
        return None


def _iso_date(text: str | None) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(text or ""))
    except (ValueError, OverflowError):
        return None


def _aware(date: datetime) -> datetime:
    return date if date.tzinfo else date.replace(tzinfo=UTC)
