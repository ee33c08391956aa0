from __future__ import annotations

import pytest

from tasks.instructions.overlap import Resembling, WordsInARow

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
