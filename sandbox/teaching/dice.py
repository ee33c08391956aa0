"""Variety without a random generator: every choice is a hash of what it depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
_RANGE = float(1 << 64)


def unit(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / _RANGE


def chance(probability: float, *parts: object) -> bool:
    return probability > 0 and unit(*parts) < probability


def pick(options: Sequence[T], *parts: object) -> T:
    return options[int(unit(*parts) * len(options))]


def between(low: int, high: int, *parts: object) -> int:
    """An integer from low to high, both included."""
    return low + int(unit(*parts) * (high - low + 1))


def shuffled(options: Iterable[T], *parts: object) -> list[T]:
    marked = [(unit(number, *parts), number, option) for number, option in enumerate(options)]
    return [option for _, _, option in sorted(marked, key=lambda mark: mark[:2])]
