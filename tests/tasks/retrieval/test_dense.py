"""Retrieval by vectors, with an encoder that counts letters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tasks.errors import UsageError
from tasks.retrieval.dense import BySentence, Dense, Fused, Mixed, sentences_of
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


def test_an_encoder_whose_vectors_have_become_longer_is_refused() -> None:
    dense = Dense("letters", np.ones((2, 2), dtype=np.float32), Letters())

    with pytest.raises(UsageError, match="2 numbers, and those that letters makes now 3") as refused:
        dense.scores(["a"])
    assert refused.value.fix == "`toolloom retriever embed` makes them anew"


def test_a_query_of_several_sentences_is_near_to_what_is_near_to_one_of_them() -> None:
    encoder = Letters()
    dense = Dense("letters", encoder.encode(["a", "b"]), encoder)
    two = "a - - -. b a - -."  # (2, 1) as a whole, (1, 0) and (1, 1) by themselves

    found = dense.scores(["ab", two, "b"])

    half, whole = 0.5**0.5, 0.2**0.5
    assert found.tolist() == [
        pytest.approx([half, half]),
        pytest.approx([(2 * whole + 1) / 2, (whole + half) / 2]),
        pytest.approx([0, 1]),
    ]


@pytest.mark.parametrize(
    ("query", "sentences"),
    [
        ("Which airports are in Oslo", []),
        ("Hello! Which airports are in Oslo?", []),
        (
            "Which airports are in Oslo? And thanks. Tell me the weather, too",
            ["Which airports are in Oslo?", "Tell me the weather, too"],
        ),
        ("airports in all Oslo\nthe weather of today", ["airports in all Oslo", "the weather of today"]),
        ("", []),
    ],
)
def test_sentences_are_those_that_say_something(query: str, sentences: list[str]) -> None:
    assert sentences_of(query) == sentences


class Counted:
    """How often a and b stand in a text."""

    name = "counted"

    def scores(self, queries: Sequence[str]) -> Scores:
        return np.array([[text.count("a"), text.count("b")] for text in queries], dtype=np.float32)


def test_a_retriever_goes_by_the_sentence_that_says_most_for_a_document() -> None:
    by_sentence = BySentence(Counted())

    assert by_sentence.name == "counted"
    # Both have the most of theirs in one sentence alike: nothing is added to what the whole says.
    assert by_sentence.scores(
        ["a - - -. a - - -. b - - -.", "a b b - -", "a a a -. a - - -. b - - -."]
    ).tolist() == [
        pytest.approx([1, -1]),
        pytest.approx([-1, 1]),
        pytest.approx([2, -2]),
    ]


@pytest.mark.parametrize(
    ("first", "second", "weight", "fused"),
    [
        (Said(0, 2), Said(10, 0), 0.0, [1 / 62, 1 / 61]),
        (Said(0, 2), Said(10, 0), 0.25, [0.75 / 62 + 0.25 / 61, 0.75 / 61 + 0.25 / 62]),
        (Said(3, 3), Said(10, 0), 0.5, [0.5 / 62 + 0.5 / 61, 1 / 62]),  # a tie is the last of its ranks
    ],
)
def test_ranks_are_fused_by_their_reciprocals(
    first: Said, second: Said, weight: float, fused: list[float]
) -> None:
    fusion = Fused(first, second, weight)

    assert fusion.scores(["any"]).tolist() == [pytest.approx(fused)]
    assert fusion.name == "said+said by ranks"


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
