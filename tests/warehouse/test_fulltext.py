"""Searching instructions and answers for words."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from tasks.errors import UsageError
from warehouse import manifest
from warehouse.fulltext import KEPT, match_of, search


@pytest.fixture
def root(tmp_path: Path, build: ModuleType) -> Path:
    commit(
        tmp_path,
        build,
        build.instruction(query="Will it rain in Łódź tomorrow?"),
        build.annotation(final_answer="No, the sun is shining."),
        build.instruction(instruction_id="instruction-2", query="Rainy days of Málaga OR Oslo"),
        build.instruction(instruction_id="instruction-3", query="Which stars shine tonight?"),
    )
    return tmp_path


def commit(root: Path, build: ModuleType, *rows: object, run_id: str = "run-1") -> None:
    manifest.commit(root, build.snapshot(root, *rows, run_id=run_id))


def found(root: Path, words: str) -> list[str]:
    return list(search(root, words, run=None, limit=10).rows["instruction_id"])


@pytest.mark.parametrize(
    ("words", "instructions"),
    [
        ("RAIN", ["instruction-1"]),
        ("shines", ["instruction-3", "instruction-1"]),  # the instruction counts more than the answer
        ("malaga", ["instruction-2"]),
        ("rain*", ["instruction-2", "instruction-1"]),
        ("sun tomorrow", ["instruction-1"]),
        ('"rain in"', ["instruction-1"]),
        ('"in rain"', []),
        ("OR", ["instruction-2"]),
        ("query:rain", []),
        ("rain) OR (oslo", []),
        ("nowhere", []),
    ],
)
def test_words_are_found_in_all_their_forms_and_never_as_operators(
    root: Path, words: str, instructions: list[str]
) -> None:
    assert found(root, words) == instructions


def test_a_match_says_how_it_was_answered(root: Path) -> None:
    (row,) = search(root, "tomorrow", run=None, limit=10).rows.to_dict("records")
    assert row == {
        "instruction_id": "instruction-1",
        "annotation_id": "annotation-1",
        "scenario": "G1",
        "win": True,
        "query": "Will it rain in Łódź tomorrow?",
        "answer": "No, the sun is shining.",
        "query_excerpt": "Will it rain in Łódź tomorrow?",
        "answer_excerpt": "No, the sun is shining.",
    }


def test_all_matches_are_counted_beyond_the_limit(root: Path) -> None:
    result = search(root, "rain*", run=None, limit=1)
    assert (len(result.rows), result.n_all) == (1, 2)


@pytest.mark.parametrize("words", ["", '"', " * ", '"..."'])
def test_no_word_is_refused(words: str) -> None:
    with pytest.raises(UsageError, match="there is no word to search for"):
        match_of(words)


def test_an_index_is_made_once_for_the_same_content(root: Path) -> None:
    found(root, "rain")
    (index,) = (root / "search").iterdir()
    before = index.stat().st_mtime_ns
    assert found(root, "rain") == ["instruction-1"]
    assert index.stat().st_mtime_ns == before


def test_a_damaged_index_is_made_anew(root: Path) -> None:
    found(root, "rain")
    (index,) = (root / "search").iterdir()
    index.write_bytes(b"no database")
    assert found(root, "rain") == ["instruction-1"]


def test_a_folder_that_cannot_be_written_is_searched_all_the_same(root: Path) -> None:
    (root / "search").write_text("in the way")
    assert found(root, "rain") == ["instruction-1"]


def test_other_content_has_another_index_and_old_ones_go(root: Path, build: ModuleType) -> None:
    for number in range(KEPT + 3):
        run_id = f"run-{number + 2}"
        commit(root, build, build.instruction(query=f"word{number}"), run_id=run_id)
        assert len(search(root, f"word{number}", run=run_id, limit=1).rows) == 1
    assert len(list((root / "search").iterdir())) == KEPT + 1


def test_without_a_run_there_is_nothing_to_search(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in"):
        search(tmp_path, "rain", run=None, limit=1)


def test_an_index_that_somebody_else_made_is_never_asked(root: Path) -> None:
    assert found(root, "malaga") == ["instruction-2"]
    (index,) = (root / "search").glob("*.sqlite")
    index.unlink()
    with closing(sqlite3.connect(index)) as theirs:
        theirs.execute(
            "CREATE VIEW texts AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT max(i) FROM n"
        )
    assert found(root, "malaga") == ["instruction-2"]
