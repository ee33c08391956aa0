from __future__ import annotations

import numpy as np
import pytest

from tasks.instructions.similarity import Resembling, WordsInARow, earlier_alike

LONG = "my sister lands in oslo on the third of may and i wonder whether it will rain on her way home"


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], []),
        ([LONG, LONG.upper() + "!"], [None, 0]),
        ([LONG, LONG.replace("home", "back")], [None, 0]),
        (
            [LONG, LONG.replace("oslo", "rome").replace("third", "ninth").replace("rain", "snow")],
            [None, None],
        ),
        ([LONG, "something else altogether was asked here", LONG], [None, None, 0]),
        (["hi", "Hi!", "hi there"], [None, 0, None]),
        (["one two three four"] * 3, [None, 0, 0]),
    ],
)
def test_a_text_repeats_the_first_earlier_one_it_is_like(texts: list[str], found: list[int | None]) -> None:
    assert earlier_alike(texts, 0.7) == found


def test_what_repeats_another_is_not_compared_with_in_turn() -> None:
    words = [f"w{number}" for number in range(24)]
    drifting = [" ".join([*words[shift:], *(f"x{number}" for number in range(shift))]) for shift in (0, 3, 6)]
    assert earlier_alike(drifting[:2], 0.7) == [None, 0]
    assert earlier_alike(drifting[1:], 0.7) == [None, 0]
    assert earlier_alike(drifting, 0.7) == [None, 0, None]


def _naive(texts: list[str], threshold: float) -> list[int | None]:
    sets = [{tuple(text.split()[at : at + 3]) for at in range(len(text.split()) - 2)} for text in texts]
    found: list[int | None] = []
    for number, shingles in enumerate(sets):
        kept = (earlier for earlier in range(number) if found[earlier] is None)
        alike = (e for e in kept if len(sets[e] & shingles) / len(sets[e] | shingles) >= threshold)
        found.append(next(alike, None))
    return found


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 1.0])
def test_nothing_is_missed_that_comparing_all_pairs_would_find(threshold: float) -> None:
    random = np.random.default_rng(5)
    texts: list[list[str]] = []
    for _ in range(150):
        if texts and random.random() < 0.6:
            words = list(texts[random.integers(len(texts))])
            for at in random.integers(0, len(words), size=random.integers(0, 4)):
                words[at] = f"w{random.integers(40)}"
        else:
            words = [f"w{random.integers(40)}" for _ in range(random.integers(3, 40))]
        texts.append(words)
    joined = [" ".join(words) for words in texts]
    assert earlier_alike(joined, threshold) == _naive(joined, threshold)
    assert any(found is not None for found in earlier_alike(joined, threshold))


KNOWN = "Which flights leave Oslo for Rome on Monday, and what will the weather be?"


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("Tell me: which FLIGHTS leave Oslo for Rome tomorrow?", "which flights leave oslo for rome"),
        ("Which flights leave Oslo for Madrid on Monday?", None),
        ("Say hello to everyone there", None),
        ("Please say: good morning to all of you, and be quick", "good morning to all of you"),
    ],
)
def test_words_in_a_row_are_found(text: str, shared: str | None) -> None:
    assert WordsInARow([KNOWN, "Say hello", "Good morning to all of you!"], 6).shared(text) == shared


@pytest.mark.parametrize(
    ("text", "like"),
    [
        (KNOWN.upper(), 1),
        (KNOWN.replace("Monday", "Friday"), 1),
        ("Which trains leave Bergen for Paris on Monday, and what will they cost?", None),
        ("", None),
    ],
)
def test_the_text_that_is_most_alike_is_found(text: str, like: int | None) -> None:
    assert Resembling(["Something else that is said by nobody", KNOWN], 0.4).like(text) == like
