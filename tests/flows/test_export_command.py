"""`toolloom export` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from searched_world import write_world
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
