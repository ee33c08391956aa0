"""Order and chance by hash, so that an item's rank never depends on which other items there are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import orjson


def key_of(*parts: str | int) -> bytes:
    """A hash key (256 bits) of its parts; no two different lists of parts share one."""
    return hashlib.blake2b(orjson.dumps(parts), digest_size=32).digest()


def ranked(items: Iterable[str], key: bytes) -> list[str]:
    """The items in the order of their keyed hashes: a new item shifts others, and reorders none."""

    def rank(item: str) -> bytes:
        return hashlib.blake2b(item.encode(), key=key, digest_size=16).digest()

    return sorted(items, key=rank)


def number_between(low: int, high: int, key: bytes) -> int:
    """A number in low..high, both included."""
    return low + int.from_bytes(key[:8], "big") % (high - low + 1)


def fraction_of(key: bytes) -> float:
    """A number in [0, 1)."""
    return (int.from_bytes(key[:8], "big") >> 11) / (1 << 53)
