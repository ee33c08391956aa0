"""Retrieval by vectors, with an encoder that counts letters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tasks.retrieval.dense import Dense, Mixed
from tasks.retrieval.in_use import best
from tasks.retrieval.ranking import Scores


class Letters:
    """How often a, b and c stand in a text."""

    def encode(self, texts: Sequence[str]) -> Scores:
        counts = np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=np.float32)
        counts /= np.linalg.norm(counts, axis=1, keepdims=True)
        return counts


class Said:
    name = "said"

    def __init__(self, *scores: float) -> None:
        self._scores = scores

    def scores(self, queries: Sequence[str]) -> Scores:
        return np.array([self._scores] * len(queries), dtype=np.float32)


def test_dense_scores_are_cosines() -> None:
    encoder = Letters()
    dense = Dense("letters", encoder.encode(["a", "ab", "ccc"]), encoder)

    assert dense.scores(["aa", "c"]).tolist() == [pytest.approx([1, 0.5**0.5, 0]), [0, 0, 1]]


@pytest.mark.parametrize(
    ("first", "second", "weight", "mixed"),
    [
        (Said(0, 2), Said(10, 0), 0.0, [-1, 1]),
        (Said(0, 2), Said(10, 0), 1.0, [1, -1]),
        (Said(0, 2), Said(10, 0), 0.7, [0.4, -0.4]),
        (Said(3, 3), Said(10, 0), 0.5, [0.5, -0.5]),  # one that tells nothing apart says nothing
    ],
)
def test_a_mix_adds_standard_deviations(first: Said, second: Said, weight: float, mixed: list[float]) -> None:
    mix = Mixed(first, second, weight)

    assert mix.scores(["any"]).tolist() == [pytest.approx(mixed)]
    assert mix.name == "said+said"


@pytest.mark.parametrize(
    ("scores", "k", "expected"),
    [
        pytest.param([0.1, 0.9, 0.5], 2, [1, 2], id="the best first"),
        pytest.param([0.5, 0.9, 0.5, 0.5], 3, [1, 0, 2], id="those that score the same in their order"),
        pytest.param([0.5, 0.9], 5, [1, 0], id="more than there are"),
        pytest.param([0.0] * 4, 2, [0, 1], id="all the same"),
    ],
)
def test_the_best_of_a_row(scores: list[float], k: int, expected: list[int]) -> None:
    assert list(best(np.array(scores, dtype=np.float32), k)) == expected
