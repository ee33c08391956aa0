"""Texts that repeat earlier ones, found exactly.

Two texts are alike when their sets of three-word shingles have a Jaccard similarity of at least the
threshold.  Comparing all pairs is avoided by prefix filtering: two sets that are that similar share
several of the few rarest shingles of each (Wang, Li, Feng: Can We Beat the Prefix Filtering?, 2012).
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from tasks.instructions.words import words_of

Numbers = npt.NDArray[np.int64]

SHINGLE_WORDS = 3

# Shingles that must be shared among the rarest: more leave fewer texts to compare, and cost more counting.
_SHARED_RARE = 5


def earlier_alike(texts: Sequence[str], threshold: float) -> list[int | None]:
    """For each text the first earlier one that it repeats, or None; only texts that repeat none count.

    threshold: Jaccard similarity in (0, 1].
    """
    sets, n_unshared = _by_rarity(_shingles(texts))
    posted: defaultdict[int, list[int]] = defaultdict(list)
    found: list[int | None] = []
    for number, shingles in enumerate(sets):
        rare = [shingle for shingle in _rare(shingles, threshold) if shingle >= n_unshared]
        shared_with = Counter(chain.from_iterable(posted.get(shingle, ()) for shingle in rare))
        # The smallest set that can be alike has as many shingles as this one shares at the least.
        smallest = _least_shared(len(shingles), threshold)
        needed = min(_SHARED_RARE, _least_shared(smallest, threshold))
        rivals = sorted(rival for rival, n_shared in shared_with.items() if n_shared >= needed)
        own = set(shingles)
        first = next((rival for rival in rivals if _similarity(own, sets[rival]) >= threshold), None)
        found.append(first)
        if first is None:
            for shingle in rare:
                posted[shingle].append(number)
    return found


def _rare(shingles: array[int], threshold: float) -> array[int]:
    """The rarest shingles: of those that it shares with any set alike, the rarest `_SHARED_RARE` are here."""
    least = _least_shared(len(shingles), threshold)
    return shingles[: len(shingles) - least + min(least, _SHARED_RARE)]


def _least_shared(size: int, threshold: float) -> int:
    """How many shingles a set of that size shares, at the least, with any set alike."""
    return math.ceil(threshold * size - 1e-9)  # 0.7 * 10 must not become 8 by rounding


def _shingles(texts: Iterable[str]) -> list[Numbers]:
    """The distinct shingles of each text, as numbers that are equal where the words are."""
    vocabulary: defaultdict[str, int] = defaultdict(lambda: len(vocabulary) + 1)
    numbered = [[vocabulary[word] for word in words_of(text)] for text in texts]
    weights = (len(vocabulary) + 1) ** np.arange(SHINGLE_WORDS, dtype=np.int64)
    return [np.unique(_windows(numbers) @ weights) for numbers in numbered]


def _windows(numbers: list[int]) -> npt.NDArray[np.int64]:
    """Every run of words; a text too short for one is filled up with 0, which is no word."""
    padded = np.array(numbers + [0] * (SHINGLE_WORDS - len(numbers)), dtype=np.int64)
    return np.lib.stride_tricks.sliding_window_view(padded, SHINGLE_WORDS)


def _by_rarity(sets: list[Numbers]) -> tuple[list[array[int]], int]:
    """The sets with each shingle replaced by its place among all, the rarest first, and sorted by it.

    Places below the second value are of shingles that one text alone has.
    """
    if not sets:
        return [], 0
    _, where, counts = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    place = np.empty(len(counts), dtype=np.int64)
    place[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    ends = np.cumsum([len(shingles) for shingles in sets])[:-1]
    ranked = (np.sort(places) for places in np.split(place[where], ends))
    return [array("q", places.tobytes()) for places in ranked], int(np.sum(counts == 1))


def _similarity(one: set[int], other: array[int]) -> float:
    n_shared = len(one.intersection(other))
    return n_shared / (len(one) + len(other) - n_shared)
