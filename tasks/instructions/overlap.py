"""Texts that say what given others say: words in a row in common, or much the same words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tasks.instructions.duplicates import SHINGLE_WORDS
from tasks.instructions.words import words_of

_FEWEST_WORDS = 5
"""Shorter texts say nothing of where they are from."""


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
