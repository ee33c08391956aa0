"""What is trained on: pairs, batches without false negatives, queries held back; nothing here needs torch."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tasks.retrieval.documents import document_of
from tasks.retrieval.lexical import Lexical
from tasks.retrieval.pairs import Query, batches, held_back_of, ndcg, pairs_of, queries_of, rivals

DOCUMENTS = [
    document_of("Sky", "forecast", "a", "The weather of the coming days.", ["city"]),
    document_of("Air", "forecast", "b", "The weather of the coming days.", ["city"]),  # its twin
    document_of("Bank", "rates", "c", "Exchange rates of currencies.", ["currency"]),
    document_of("Sky", "stations", "d", "Where weather is measured.", []),
]
TWINS = [document.twin for document in DOCUMENTS]


def test_a_text_is_one_query_that_needs_what_any_of_that_text_needs() -> None:
    asked = [("rain?", [3, 0]), ("euros?", [2]), ("rain?", [1])]
    assert queries_of(asked) == [Query("euros?", (2,)), Query("rain?", (0, 1, 3))]


def test_no_document_in_a_batch_is_needed_by_the_query_of_another_pair() -> None:
    queries = [Query(f"query {n}", needed) for n, needed in enumerate([(0, 2), (1,), (2, 3), (3,), (0,)])]
    pairs = pairs_of(queries, DOCUMENTS)

    made = batches(pairs, TWINS, 3, random.Random(1))  # noqa: S311

    assert sorted(at for batch in made for at in batch) == list(range(len(pairs)))
    assert max(map(len, made)) <= 3
    for batch in made:
        for one in batch:
            others = {TWINS[pairs[other].document] for other in batch if other != one}
            assert not others & pairs[one].allowed


def test_negatives_are_what_bm25_ranks_high_and_neither_needed_nor_a_twin_of_it() -> None:
    (pair,) = pairs_of([Query("weather of the coming days", (0,))], DOCUMENTS, Lexical(DOCUMENTS), 2)
    assert pair.negatives == (3, 2)
    assert pair.allowed == {TWINS[0]}


@pytest.mark.parametrize(
    ("needs", "share", "n_held_back"),
    [
        ([], 0.5, 0),
        ([(0,)], 0.5, 0),
        ([(0,), (0,)], 0.5, 0),
        ([(0,), (1,)], 0.01, 1),
        ([(0,), (1,)], 0.99, 1),
    ],
)
def test_each_side_has_one_where_there_are_two_kinds(
    needs: list[tuple[int, ...]], share: float, n_held_back: int
) -> None:
    queries = [Query(f"query {n}", needed) for n, needed in enumerate(needs)]
    train, held_back = held_back_of(queries, share)

    assert len(held_back) == n_held_back
    assert sorted([*train, *held_back], key=lambda query: query.text) == queries
    assert not {query.needed for query in train} & {query.needed for query in held_back}


@pytest.mark.parametrize(
    ("scores", "needed", "gain"),
    [([3, 2, 1], (0,), 1.0), ([1, 2, 3], (1,), 1 / np.log2(3)), ([3, 3, 3], (0, 1, 2), 1.0)],
)
def test_ndcg_is_of_all_that_is_needed(scores: list[int], needed: tuple[int, ...], gain: float) -> None:
    assert ndcg(np.array([scores], dtype=np.float32), [Query("", needed)]) == pytest.approx(gain)


def test_models_are_told_apart_by_what_is_needed_and_what_looks_like_it() -> None:
    many = [*DOCUMENTS, *(document_of("Tea", f"leaf {n}", f"t{n}", "Of tea.", []) for n in range(20))]
    texts, asked = rivals([Query("exchange rates", (2,))], many)

    assert len(texts) == 10
    assert [texts[at] for at in asked[0].needed] == [many[2].text]
