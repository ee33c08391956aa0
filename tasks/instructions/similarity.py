"""Texts that say what others say: alike, found exactly, or with words in a row in common.

Two texts are alike when their sets of three-word shingles have a Jaccard similarity of at least the
threshold.  Comparing all pairs is avoided by prefix filtering: two sets that are that similar share
several of the few rarest shingles of each (Wang, Li, Feng: Can We Beat the Prefix Filtering?, 2012).
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

SHINGLE_WORDS = 3
# Shingles that must be shared among the rarest: more leave fewer texts to compare, and cost more counting.
_SHARED_RARE = 5
_FEWEST_WORDS = 5
"""Shorter texts say nothing of where they are from."""

# Written without spaces: each Han character and each kana counts as a word.
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff"
_LETTERS = rf"[^\W{_UNSPACED}]+"
_WORD = re.compile(rf"[{_UNSPACED}]|{_LETTERS}(?:['\u2019.,:-]{_LETTERS})*")


def words_of(text: str) -> list[str]:
    """The words in lower case; `don't`, `low-cost`, `3.5` and `10:30` are one word each."""
    return _WORD.findall(text.casefold())


def earlier_alike(texts: Sequence[str], threshold: float) -> list[int | None]:
    """For each text the first earlier one that it repeats, or None; only texts that repeat none count.

    threshold: Jaccard similarity in (0, 1].
    """
    sets, n_unshared = _by_rarity(_shingles(texts))
    posted: defaultdict[int, list[int]] = defaultdict(list)
    found: list[int | None] = []
    for number, shingles in enumerate(sets):
        # Of those that it shares with any set alike, the rarest `_SHARED_RARE` are among these.
        least = _least_shared(len(shingles), threshold)
        rarest = shingles[: len(shingles) - least + min(least, _SHARED_RARE)]
        rare = [shingle for shingle in rarest if shingle >= n_unshared]
        shared_with = Counter(chain.from_iterable(posted.get(shingle, ()) for shingle in rare))
        # The smallest set that can be alike has as many shingles as this one shares at the least.
        needed = min(_SHARED_RARE, _least_shared(least, threshold))
        rivals = sorted(rival for rival, n_shared in shared_with.items() if n_shared >= needed)
        own = set(shingles)
        first = next((rival for rival in rivals if _similarity(own, sets[rival]) >= threshold), None)
        found.append(first)
        if first is None:
            for shingle in rare:
                posted[shingle].append(number)
    return found


def _least_shared(size: int, threshold: float) -> int:
    """How many shingles a set of that size shares, at the least, with any set alike."""
    return math.ceil(threshold * size - 1e-9)  # 0.7 * 10 must not become 8 by rounding


def _shingles(texts: Iterable[str]) -> list[Numbers]:
    """The distinct shingles of each text, as numbers that are equal where the words are."""
    vocabulary: defaultdict[str, int] = defaultdict(lambda: len(vocabulary) + 1)
    numbered = [[vocabulary[word] for word in words_of(text)] for text in texts]
    weights = (len(vocabulary) + 1) ** np.arange(SHINGLE_WORDS, dtype=np.int64)
    # A text too short for one run of words is filled up with 0, which is no word.
    padded = (np.array(words + [0] * (SHINGLE_WORDS - len(words)), dtype=np.int64) for words in numbered)
    runs = (np.lib.stride_tricks.sliding_window_view(words, SHINGLE_WORDS) for words in padded)
    return [np.unique(run @ weights) for run in runs]


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


class WordsInARow:
    """Finds texts that have `n` words in a row in common with one of the given texts.

    A given text of fewer words is found where all of it is said; one of fewer than five is passed over.
    """

    def __init__(self, texts: Iterable[str], n: int) -> None:
        self._runs: defaultdict[int, set[tuple[str, ...]]] = defaultdict(set)
        for words in map(words_of, texts):
            if len(words) >= min(n, _FEWEST_WORDS):
                length = min(n, len(words))
                self._runs[length].update(_runs(words, length))

    def shared(self, text: str) -> str | None:
        """The words in a row that a given text has, too."""
        words = words_of(text)
        for length, runs in self._runs.items():
            for run in _runs(words, length):
                if run in runs:
                    return " ".join(run)
        return None


class Resembling:
    """Finds texts that are like one of a few given ones: Jaccard similarity of three-word shingles."""

    def __init__(self, texts: Sequence[str], threshold: float) -> None:
        self._threshold = threshold
        self._sizes: list[int] = []
        self._having: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            shingles = set(_runs(words_of(text), SHINGLE_WORDS))
            self._sizes.append(len(shingles))
            for shingle in shingles:
                self._having[shingle].append(number)

    def like(self, text: str) -> int | None:
        """Which of the given texts it is most like, if it is like any."""
        shingles = set(_runs(words_of(text), SHINGLE_WORDS))
        shared = Counter(number for shingle in shingles for number in self._having.get(shingle, ()))
        alike = {
            number: n_shared / (len(shingles) + self._sizes[number] - n_shared)
            for number, n_shared in shared.items()
        }
        best = max(sorted(alike), key=lambda number: alike[number], default=None)
        return best if best is not None and alike[best] >= self._threshold else None


def _runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))
