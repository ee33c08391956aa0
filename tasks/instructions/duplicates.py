"""Texts that repeat earlier ones, found exactly.

Two texts are alike when their sets of three-word shingles have a Jaccard similarity of at least the
threshold.  Comparing all pairs is avoided by prefix filtering: in two sets that are that similar, some
shingle is among the few rarest of both.  (Chaudhuri, Ganti, Kaushik: A Primitive Operator for Similarity
Joins in Data Cleaning, 2006.)
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tasks.instructions.words import words_of

Numbers = npt.NDArray[np.int64]

SHINGLE_WORDS = 3


def earlier_alike(texts: Sequence[str], threshold: float) -> list[int | None]:
    """For each text the first earlier one that it repeats, or None; only texts that repeat none count.

    threshold: Jaccard similarity in (0, 1].
    """
    sets, n_unshared = _by_rarity(_shingles(texts))
    posted: defaultdict[int, list[int]] = defaultdict(list)
    found: list[int | None] = []
    for number, shingles in enumerate(sets):
        prefix = shingles[: _prefix_length(len(shingles), threshold)]
        shared = prefix[prefix >= n_unshared].tolist()
        rivals = sorted({rival for shingle in shared for rival in posted.get(shingle, ())})
        first = next((rival for rival in rivals if _similarity(sets[rival], shingles) >= threshold), None)
        found.append(first)
        if first is None:
            for shingle in shared:
                posted[shingle].append(number)
    return found


def _prefix_length(size: int, threshold: float) -> int:
    least_shared = math.ceil(threshold * size - 1e-9)  # 0.7 * 10 must not become 8 by rounding
    return size - least_shared + 1


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


def _by_rarity(sets: list[Numbers]) -> tuple[list[Numbers], int]:
    """The sets with each shingle replaced by its place among all, the rarest first, and sorted by it.

    Places below the second value are of shingles that one text alone has.
    """
    if not sets:
        return [], 0
    _, where, counts = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    place = np.empty(len(counts), dtype=np.int64)
    place[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    ends = np.cumsum([len(shingles) for shingles in sets])[:-1]
    return [np.sort(places) for places in np.split(place[where], ends)], int(np.sum(counts == 1))


def _similarity(one: Numbers, other: Numbers) -> float:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)
