"""Answers made up from names and arguments."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.toolbench import NOTICE, made_up_answer


def answer(api: str, **arguments: Any) -> dict[str, Any]:
    return made_up_answer("Music", "songkick", api, arguments)


def test_an_answer_tells_of_what_was_asked_and_that_it_is_made_up() -> None:
    assert answer("get_artist_by_id", is_id="42", nested={"a": 1}) == {
        "made_up": True,
        "notice": NOTICE,
        "source": "songkick (Music)",
        "artist": {
            "artist_id": "art-3719d0",
            "name": "Isterlor Gallor",
            "status": "archived",
            "score": 8.6,
            "count": 64,
            "updated": "2025-02-04",
            "asked": {"is_id": "42"},
        },
    }


@pytest.mark.parametrize(
    ("api", "subject", "n_items"),
    [
        ("songkick_concerts", "songkick_concerts", 3),
        ("search_artist", "artist", 3),
        ("artist", "artist", 1),
        ("list_all", "result", 3),
    ],
)
def test_names_tell_how_many_there_are(api: str, subject: str, n_items: int) -> None:
    found = answer(api)[subject]

    assert len(found if isinstance(found, list) else [found]) == n_items


def test_the_same_call_gets_the_same_answer_and_another_call_another() -> None:
    answers = [
        answer("artist", name="A", page=1),
        answer("artist", page=1, name="A"),
        answer("artist", name="B"),
    ]

    assert answers[0] == answers[1]
    assert answers[0]["artist"]["artist_id"] != answers[2]["artist"]["artist_id"]
