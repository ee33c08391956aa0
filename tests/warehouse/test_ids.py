"""Who types an id types its beginning."""

from __future__ import annotations

import pytest

from tasks.errors import UsageError
from warehouse.ids import Candidate, the_one

RUNS = [
    Candidate((id_,), told) for id_, told in [("2026-12-01", "a refresh"), ("2026-12-02", ""), ("26", "")]
]
SEARCHES = [
    Candidate(("5" * 31 + "a", "a1" * 16), "of a1a1, dfsdt"),
    Candidate(("5" * 31 + "b", "a1" * 16), "of a1a1, react"),
    Candidate(("c3" * 16, "c4" * 16), "of c4c4, dfsdt"),
]


def chosen(given: str, candidates: list[Candidate]) -> Candidate:
    return the_one(given, candidates, several="things", none=f"no {given!r}", fix="look.")


@pytest.mark.parametrize(
    ("given", "candidates", "meant"),
    [
        ("2026-12-02", RUNS, 1),
        ("26", RUNS, 2),
        ("2026-12-01", RUNS, 0),
        ("5" * 31 + "b", SEARCHES, 1),
        ("c3c3", SEARCHES, 2),
        ("c4", SEARCHES, 2),
        ("c", SEARCHES, 2),
    ],
)
def test_an_id_or_the_beginning_of_one_alone(given: str, candidates: list[Candidate], meant: int) -> None:
    assert chosen(given, candidates) == candidates[meant]


@pytest.mark.parametrize(
    ("given", "candidates", "message", "fix"),
    [
        (
            "2026",
            RUNS,
            "2 things begin with '2026':\n  2026-12-01  a refresh\n  2026-12-02",
            "give more of the id",
        ),
        (
            "a1",
            SEARCHES,
            "2 things begin with 'a1':\n  555555555555  of a1a1, dfsdt\n  555555555555  of a1a1, react",
            "give more of the id",
        ),
        ("2027-12-01", RUNS, "no '2027-12-01'", "did you mean 2026-12-01 or 2026-12-02? look."),
        ("c3c4c3", SEARCHES, "no 'c3c4c3'", "did you mean c3c3c3c3c3c3? look."),
        ("xyz", RUNS, "no 'xyz'", "look."),
        ("", RUNS, "no ''", "look."),
        ("x", [], "no 'x'", "look."),
    ],
)
def test_what_is_not_one_says_what_there_is(
    given: str, candidates: list[Candidate], message: str, fix: str
) -> None:
    with pytest.raises(UsageError) as error:
        chosen(given, candidates)
    assert (error.value.message, error.value.fix) == (message, fix)


def test_of_many_that_begin_so_twenty_are_listed() -> None:
    with pytest.raises(UsageError) as error:
        chosen("r", [Candidate((f"r{n:02}",)) for n in range(25)])
    lines = error.value.message.splitlines()
    assert (lines[0], lines[1], lines[20], lines[21]) == (
        "25 things begin with 'r':",
        "  r00",
        "  r19",
        "  ... and 5 more",
    )
