"""Which answers are put before people, what of their files is read, and how far several agree."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from tasks.errors import UsageError
from tasks.judging.labels import (
    Candidate,
    krippendorff_alpha,
    read_labels,
    sample_of,
    seen_digest,
    spreadsheet_text,
)

ANSWERS = {f"answer-{number}": (f"instruction-{number}", f"seen-{number}") for number in range(9)}


def candidates(**sizes: int) -> list[Candidate]:
    return [Candidate(f"{name}-{at}", (name,)) for name, size in sizes.items() for at in range(size)]


def drawn(n: int, **sizes: int) -> dict[str, int]:
    return dict(Counter(each.partition("-")[0] for each in sample_of(candidates(**sizes), n)))


@pytest.mark.parametrize(
    ("n", "sizes", "expected"),
    [
        (10, {"a": 60, "b": 40}, {"a": 6, "b": 4}),
        (10, {"a": 96, "b": 4}, {"a": 9, "b": 1}),
        (3, {"a": 997, "b": 2, "c": 1}, {"a": 1, "b": 1, "c": 1}),
        (2, {"a": 5, "b": 5, "c": 9}, {"c": 1, "a": 1}),
        (100, {"a": 3, "b": 2}, {"a": 3, "b": 2}),
        (5, {"a": 5, "b": 5}, {"a": 3, "b": 2}),
    ],
)
def test_each_stratum_has_its_share_and_at_least_one(
    n: int, sizes: dict[str, int], expected: dict[str, int]
) -> None:
    found = drawn(n, **sizes)
    assert sum(found.values()) == sum(expected.values())
    assert sorted(found.values()) == sorted(expected.values())


def test_a_sample_is_the_same_whatever_the_order_and_shows_no_strata() -> None:
    rows = candidates(a=50, b=50)
    found = sample_of(rows, 40)

    assert sample_of(rows[::-1], 40) == found
    strata = [each.partition("-")[0] for each in found]
    assert strata != sorted(strata)
    assert len(set(found)) == 40


def test_of_nothing_nothing_is_drawn() -> None:
    assert sample_of([], 5) == []


def read(tmp_path: Path, text: str | bytes, name: str = "ada.csv") -> list[tuple[str, str, str, str]]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [(row.annotation_id, row.person, row.label, row.note) for row in read_labels(path, ANSWERS)]


@pytest.mark.parametrize(
    "text",
    [
        "annotation_id,label\nanswer-1,Solved\n",
        "annotation_id;label\r\nanswer-1;solved\r\n",
        "annotation_id\tlabel\nanswer-1\tSOLVED",
        "\ufeffannotation_id,label\nanswer-1, Solved \n",
        'label,answer,annotation_id\nSolved,"a, b\nc",answer-1\n',
        "annotation_id,label,seen\nanswer-1,Solved,seen-1\n",
        "annotation_id,label,seen\nanswer-1,Solved,\nanswer-2,,\n\n",
        "annotation_id,label\nanswer-1,Solved\nanswer-1,Solved\n",
    ],
    ids=["commas", "semicolons", "tabs", "Excel", "other columns", "seen", "empty rows", "twice the same"],
)
def test_labels_are_read_from_whatever_a_spreadsheet_saves(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == [("answer-1", "ada", "Solved", "")]


def test_who_labelled_is_a_column_or_the_files_name(tmp_path: Path) -> None:
    text = (
        "annotation_id,label,person,note\nanswer-1,Solved,bo,fine\nanswer-1,Unsure,,\nanswer-0,Unsolved,bo,\n"
    )
    assert read(tmp_path, text) == [
        ("answer-0", "bo", "Unsolved", ""),
        ("answer-1", "ada", "Unsure", ""),
        ("answer-1", "bo", "Solved", "fine"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("annotation_id,label\nanswer-1,Solved\nnobody,Solved\n", "row 3: no answer is called 'nobody'"),
        ("annotation_id,label\nanswer-1,Passed\n", "row 2: 'Passed' is no label"),
        (
            "annotation_id,label,seen\nanswer-1,Solved,other\n",
            "row 2: the answer answer-1 is another one now",
        ),
        (
            "annotation_id,label\nanswer-1,Solved\nanswer-1,Unsolved\n",
            "row 3: ada has labelled answer-1 Solved in an earlier row",
        ),
        ("annotation_id,label\n" + "x,Solved\n" * 8, "8 rows of"),
        ("annotation_id,label\n" + "x,Solved\n" * 8, "and 3 more"),
        ("annotation_id,label\nanswer-1,\n", "no row of"),
        ("annotation_id,label\n", "no row of"),
        ("id,label\nanswer-1,Solved\n", "has no column annotation_id"),
        ("answer-1,Solved\n", "has no column annotation_id and no column label"),
        ("", "has no column annotation_id and no column label"),
        (b"annotation_id,label\nanswer-1,Solv\xe9\n", "is no text in UTF-8"),
        ('annotation_id,label\nanswer-1,"Solved\n', "is no CSV"),
        (b"PK\x03\x04\xff\x00", "is no text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_not_read_at_all(
    text: str | bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, text)
    assert told in str(refused.value)
    assert refused.value.fix


@pytest.mark.parametrize("name", ["gone.csv", "."])
def test_a_file_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(tmp_path / name, ANSWERS)


def test_alpha_of_two_is_that_of_the_textbook() -> None:
    """Ten units, labels 0 and 1: alpha 0.095 (Krippendorff 2011, section A)."""
    one, other = "0100000010", "1110010000"
    ratings = [
        (rater, str(unit), label)
        for rater, labels in (("one", one), ("other", other))
        for unit, label in enumerate(labels)
    ]
    pytest.importorskip("nltk")
    assert krippendorff_alpha(ratings) == pytest.approx(0.095, abs=5e-4)


def test_alpha_of_several_passes_over_what_is_missing() -> None:
    """Four observers, twelve units, some missing: alpha 0.743 (Krippendorff 2011, section C)."""
    table = {
        "A": ["1", "2", "3", "3", "2", "1", "4", "1", "2", None, None, None],
        "B": ["1", "2", "3", "3", "2", "2", "4", "1", "2", "5", None, "3"],
        "C": [None, "3", "3", "3", "2", "3", "4", "2", "2", "5", "1", None],
        "D": ["1", "2", "3", "3", "2", "4", "4", "1", "2", "5", "1", None],
    }
    ratings = [
        (rater, str(unit), label)
        for rater, labels in table.items()
        for unit, label in enumerate(labels)
        if label is not None
    ]
    pytest.importorskip("nltk")
    assert krippendorff_alpha(ratings) == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize(
    "ratings",
    [
        [],
        [("ada", "1", "Solved"), ("bo", "2", "Unsolved")],
        [("ada", "1", "Solved"), ("bo", "1", "Solved")],
    ],
    ids=["nobody", "nothing rated twice", "one label alone"],
)
def test_alpha_needs_two_raters_and_two_labels(ratings: list[tuple[str, str, str]]) -> None:
    assert krippendorff_alpha(ratings) is None


def test_the_digest_of_what_was_seen_is_no_number_to_a_spreadsheet(build: ModuleType) -> None:
    assert re.fullmatch("s[0-9a-f]{16}", seen_digest("Will it rain?", build.annotation()))


FORMULAS = {
    "=1": "'=1",
    "\uff0b1": "'\uff0b1",
    " \t@a": "' \t'@a",
    "a\n=1": "a\n'=1",
    "a; -1": "a;' -1",
    'a;"=1': "a;'\"=1",
    "\ufeff=1": "'\ufeff=1",
    "a = b - c": "a = b - c",
    "a, -1": "a, -1",
}


@pytest.mark.parametrize(("text", "cell"), FORMULAS.items())
def test_what_begins_like_a_formula_is_text_to_a_spreadsheet(text: str, cell: str) -> None:
    assert spreadsheet_text(text) == cell


def test_names_and_notes_are_read_as_they_were_typed(tmp_path: Path) -> None:
    text = (
        "annotation_id,label,person,note\nanswer-1,Solved,'-bob,'=1; '-2\n"
        "answer-0,Solved,bo,\"' \t'@a\n'-b\"\nanswer-2,Solved,'t Hooft,'fine'\n"
    )
    assert read(tmp_path, text) == [
        ("answer-0", "bo", "Solved", " \t@a\n-b"),
        ("answer-1", "-bob", "Solved", "=1; '-2"),
        ("answer-2", "'t Hooft", "Solved", "'fine'"),
    ]


def test_a_sheet_filled_in_by_hand_says_who_did(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not say who labelled") as refused:
        read(tmp_path, "annotation_id,label,person\nanswer-1,Solved,\n", "sheet-8-1a2b3c.csv")
    assert "rename the file to your name" in (refused.value.fix or "")
    named = read(tmp_path, "annotation_id,label,person\nanswer-1,Solved,bo\n", "sheet-8-1a2b3c.csv")
    assert named == [("answer-1", "bo", "Solved", "")]
