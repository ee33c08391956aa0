"""Where a ranking has what is needed, and what BM25 makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.retrieval.documents import document_of
from tasks.retrieval.lexical import Lexical
from tasks.retrieval.ranking import order_of, ranks_of, twin_ranks_of

DOCUMENTS = [
    document_of("Sky", "forecast", "weather/sky/forecast", "The weather of the coming days.", ["city"]),
    document_of("Bank", "rates", "money/bank/rates", "Exchange rates of currencies.", ["currency"]),
    document_of("Sky", "stations", "weather/sky/stations", "Where weather is measured.", []),
]


def test_what_scores_the_same_stays_in_its_order() -> None:
    scores = np.array([[0.5, 0.9, 0.5, 0.9]], dtype=np.float32)
    assert order_of(scores).tolist() == [[1, 3, 0, 2]]


@pytest.mark.parametrize(
    ("needed", "twins", "ranks", "as_one"),
    [
        ([3], [0, 1, 2, 3], (1,), (1,)),
        ([0, 2], [0, 1, 2, 3], (3, 4), (3, 4)),
        ([0], [0, 1, 2, 0], (3,), (1,)),  # its twin comes first, and stands for it
        ([2], [0, 0, 1, 0], (4,), (2,)),  # three that say the same count once
        ([0, 1], [0, 0, 1, 2], (2, 3), (2,)),
    ],
)
def test_ranks_with_twins_apart_and_as_one(
    needed: list[int], twins: list[int], ranks: tuple[int, ...], as_one: tuple[int, ...]
) -> None:
    scores = np.array([0.2, 0.3, 0.1, 0.4], dtype=np.float32)
    assert ranks_of(scores, needed) == ranks
    assert twin_ranks_of(scores, needed, np.array(twins)) == as_one


@pytest.mark.parametrize(
    ("scores", "needed", "ranks"),
    [
        ([0, 0, 0, 0], [0], (4,)),
        ([0, 0, 0, 0], [0, 3], (3, 4)),
        ([1, 2, 1, 0], [0], (3,)),
        ([1, 2, 1, 0], [0, 2], (2, 3)),
        ([1, 2, 1, 0], [1, 3], (1, 4)),
    ],
)
def test_what_is_needed_is_behind_what_scores_the_same(
    scores: list[float], needed: list[int], ranks: tuple[int, ...]
) -> None:
    assert ranks_of(np.array(scores, dtype=np.float32), needed) == ranks


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("What will the weathers be in the city?", 0),  # weathers, weather: one stem
        ("I want the exchangeRate of a currency", 1),
        ("measuring stations", 2),
    ],
)
def test_bm25_finds_by_stems_of_words(query: str, first: int) -> None:
    assert order_of(Lexical(DOCUMENTS).scores([query]))[0, 0] == first


@pytest.mark.parametrize("query", ["", "the of and", "Quelle heure est-il", "!"])
def test_a_query_without_a_known_word_scores_nothing(query: str) -> None:
    assert Lexical(DOCUMENTS).scores([query]).tolist() == [[0.0, 0.0, 0.0]]
