"""How far a stage is, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.frame.progress import Snapshot

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is to say of a stage.  rate: per second; rate and left_s: None while nobody can tell."""

    stage: str
    now: Snapshot
    seconds: float
    rate: float | None = None
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A few words of the line; where room is short, those of the highest rank go first."""

    text: str
    rank: int


def parts(standing: Standing) -> list[Part]:
    """What is known, in the order of reading."""
    now = standing.now
    if now.total is None:
        so_far = Part(f"{duration(standing.seconds)} so far", 0)
        return [so_far, Part(now.note, 1)] if now.note else [so_far]
    known = [Part(f"{now.done:,}/{now.total:,} {now.unit}s", 0)]
    if now.rejected:
        known.append(Part(f"{now.rejected:,} rejected", 3))
    if now.in_flight:
        known.append(Part(f"{now.in_flight:,} in flight", 5))
    if now.note:
        known.append(Part(now.note, 1))
    if standing.rate is not None and now.done < now.total:  # then it only falls while a stage goes on
        known.append(Part(speed(standing.rate), 2))
    if now.spent.tokens:
        known.append(Part(f"{amount(now.spent.tokens)} tokens", 4))
    if standing.left_s is not None and now.done < now.total:
        known.append(Part(f"{duration(standing.left_s)} left", 1))
    return known


def fitting(known: Sequence[Part], width: int) -> str:
    """As many of the parts as there is room for."""
    shown = list(known)
    while len(_joined(shown)) > width and len(shown) > 1:
        shown.remove(max(shown, key=lambda part: part.rank))
    return _joined(shown)


def plain_line(standing: Standing) -> str:
    return f"  {standing.stage:<9} {_joined(parts(standing))}"


def _joined(known: Sequence[Part]) -> str:
    return ", ".join(part.text for part in known)


def amount(number: int) -> str:
    """Three digits at most, and what they stand for: 950, 45k, 1.4M."""
    for size, sign in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= 0.9995 * size:
            whole = number / size
            return f"{whole:.1f}{sign}" if whole < 9.95 and sign != "k" else f"{whole:.0f}{sign}"
    return str(number)


def speed(per_second: float) -> str:
    """Per minute where it is slower than one in ten seconds."""
    per, sign = (per_second, "s") if per_second >= 0.1 else (per_second * MINUTE_S, "min")
    return f"{per:.0f}/{sign}" if per >= 9.95 else f"{per:.1f}/{sign}"


def duration(seconds: float) -> str:
    """Two units at most, no finer than one would plan by: 8 s, 12 min, 3 h 20 min, 2 d 4 h."""
    if seconds < 1.5 * MINUTE_S:
        return f"{seconds:.0f} s"
    minutes = round(seconds / MINUTE_S)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / HOUR_S), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
