"""Texts that repeat earlier ones.

Two texts are alike when their sets of three-word shingles have a Jaccard similarity of at least `ALIKE`.
Locality-sensitive hashing proposes whom to compare: the minima of random hash functions over the sets,
cut into bands, are equal in some band for 99.5 % of the pairs just alike and for 99.99 % from a similarity
of 0.77.  Every proposal is verified, so nothing is called a repetition that is not.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tasks.instructions.words import words_of

ALIKE = 0.7
SHINGLE_WORDS = 3

_BANDS = 30
_ROWS = 5  # hash functions a band
_SEED = 1  # of the hash functions

Hashes = npt.NDArray[np.uint64]


def earlier_alike(texts: Sequence[str]) -> list[int | None]:
    """For each text the first earlier one that it repeats, or None; only texts that repeat none count."""
    sets = [_shingles(text) for text in texts]
    kept_in: list[defaultdict[int, list[int]]] = [defaultdict(list) for _ in range(_BANDS)]
    found: list[int | None] = []
    for number, bands in enumerate(_bands(sets)):
        shared = [(kept_in[band], bucket) for band, bucket in enumerate(bands.tolist()) if bucket >= 0]
        rivals = sorted({rival for kept, bucket in shared for rival in kept[bucket]})
        first = next((rival for rival in rivals if similarity(sets[rival], sets[number]) >= ALIKE), None)
        found.append(first)
        if first is None:
            for kept, bucket in shared:
                kept[bucket].append(number)
    return found


def similarity(one: Hashes, other: Hashes) -> float:
    """Jaccard similarity of two sets, each sorted and without repetitions."""
    n_shared = len(np.intersect1d(one, other, assume_unique=True))
    return n_shared / (len(one) + len(other) - n_shared)


def _shingles(text: str) -> Hashes:
    """The hashes of all runs of words, each once; of all words where there are too few for a run."""
    words = np.array([_word_hash(word) for word in words_of(text)], dtype=np.uint64)
    padded = np.pad(words, (0, max(0, SHINGLE_WORDS - len(words))))
    weights = _random_odd(SHINGLE_WORDS)
    windows = np.lib.stride_tricks.sliding_window_view(padded, SHINGLE_WORDS)
    return np.unique(_scrambled((windows * weights).sum(axis=1, dtype=np.uint64)))


@lru_cache(maxsize=100_000)
def _word_hash(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "replace"))


def _scrambled(hashes: Hashes) -> Hashes:
    """Every bit of the result depends on every bit given (the finaliser of splitmix64)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


@lru_cache
def _random_odd(number: int) -> Hashes:
    return np.random.default_rng(_SEED).integers(1 << 62, size=number, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _bands(sets: Sequence[Hashes]) -> npt.NDArray[np.int64]:
    """Per set and band the bucket it falls into, or -1 where no other set does."""
    buckets = np.full((len(sets), _BANDS), -1, dtype=np.int64)
    if not sets:
        return buckets
    every = np.concatenate(sets)
    starts = np.cumsum([0, *(len(shingles) for shingles in sets[:-1])])
    for band, factors in enumerate(_random_odd(_BANDS * _ROWS).reshape(_BANDS, _ROWS)):
        minima = [np.minimum.reduceat(_scrambled(every * factor), starts) for factor in factors]
        joined = sum((minimum * factor for minimum, factor in zip(minima, factors, strict=True)), start=np.uint64(0))
        _, bucket, sizes = np.unique(joined, return_inverse=True, return_counts=True)
        buckets[:, band] = np.where(sizes[bucket] > 1, bucket, -1)
    return buckets
