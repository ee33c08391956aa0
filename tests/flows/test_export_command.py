"""`toolloom export` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from searched_world import SCRIPTS, search, votes_on, write_world
from typer.testing import CliRunner, Result

from flows.cli import app


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_world(tmp_path / "data")
    return tmp_path / "data"


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


def test_what_was_written_is_listed(data: Path, tmp_path: Path) -> None:
    done = typed("export", "openai", "--out", tmp_path / "out", "--data", data, "--held-out", "0")

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == [
        "  test_category.jsonl        1",
        "  test_tool.jsonl            1",
        "  train.jsonl                1",
        "  left out: 1 search: it gave up (--give-ups takes it)",
        "  left out: 1 search: it ended without an answer",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "csv"], "there is no format 'csv'"),
        (["export", "openai", "--run", "nowhen"], "there is no run 'nowhen'"),
        (["export", "openai", "--held-out", "2"], "Invalid value for '--held-out'"),
    ],
)
def test_a_wrong_wish_is_bad_usage(data: Path, tmp_path: Path, words: list[str], said: str) -> None:
    done = typed(*words, "--out", tmp_path / "out", "--data", data)

    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_exports_go_into_the_data_folder_unless_told_otherwise(data: Path) -> None:
    done = typed("export", "openai", "--data", data)

    assert (done.exit_code, done.stderr) == (0, "")
    assert (data / "exports" / "openai" / "export.json").is_file()


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """One answer passed, one did not, one was not judged; the task of a fourth cannot be solved."""
    found = {name: search(name) for name in SCRIPTS}
    again = search("picnic", method="react")
    votes = [
        *votes_on(found["beach"], *["Solved"] * 3, task="Solvable"),
        *votes_on(found["picnic"], "Solved", "Unsure", "Unsolved", task="Solvable"),
        *votes_on(again, "Solved", task=None),
        *votes_on(found["sail"], "Unsolved", task="Unsolvable"),
    ]
    write_world(tmp_path / "data", [*found.values(), again], votes=votes)
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["openai"], {"test_tool.jsonl": 1, "train.jsonl": 1}),
        (["openai", "--give-ups"], {"test_tool.jsonl": 1, "train.jsonl": 1, "train_give_up.jsonl": 1}),
        (["openai", "--method", "dfsdt"], {"train.jsonl": 1}),
        (["toolllama"], {"toolllama_G123_cot_test_tool.json": 2, "toolllama_G123_dfs_train.json": 3}),
    ],
)
def test_of_the_answers_only_those_that_passed_are_written(
    judged: Path, tmp_path: Path, words: list[str], written: dict[str, int]
) -> None:
    out = tmp_path / "out"
    done = typed("export", *words, "--passed", "--out", out, "--data", judged, "--held-out", "0")

    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads((out / "export.json").read_text())["written"] == written


def test_toolbenchs_files_have_no_answer_that_did_not_pass(judged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = typed("export", "toolbench", "--passed", "--out", out, "--data", judged, "--held-out", "0")

    assert (done.exit_code, done.stderr) == (0, "")
    assert len(list(out.glob("*_answer/*.json"))) == 2


def test_answers_that_are_left_out_are_counted_by_reason(judged: Path, tmp_path: Path) -> None:
    done = typed("export", "openai", "--passed", "--out", tmp_path / "out", "--data", judged)

    assert sorted(line for line in done.stdout.splitlines() if "left out" in line) == [
        "  left out: 1 search: it is not certain that its task can be solved",
        "  left out: 1 search: its answer did not pass",
        "  left out: 2 searches: nobody judged its answer",
    ]


def test_where_nothing_was_judged_that_is_said(data: Path, tmp_path: Path) -> None:
    done = typed("export", "openai", "--passed", "--out", tmp_path / "out", "--data", data)

    assert done.exit_code == 1
    assert "has no answer that was judged" in done.stderr
    assert "fix: run `toolloom evaluate` first" in done.stderr
    assert not (tmp_path / "out").exists()
