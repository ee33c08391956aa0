"""`toolloom evaluate --label` and `--labels`: a sheet out, people's labels in, and what becomes of them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from commands import SMALL, Sandbox, refused
from snapshots import rows
from typer.testing import CliRunner
from warm import WarmToolloom

from flows.cli import app


@pytest.fixture(scope="module")
def data(judged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers that were judged."""
    # While nobody has labelled anything, nothing is told of labels.
    assert "uncalibrated" not in (judged.parent / "printed").read_text()
    return Path(shutil.copytree(judged, tmp_path_factory.mktemp("labels") / "data"))


def sheet(data: Path, n: int) -> list[dict[str, str]]:
    done = CliRunner().invoke(app, ["evaluate", "--label", str(n), "--data", str(data)])
    assert done.exit_code == 0, done.output
    (line,) = (line for line in done.output.splitlines() if ".csv" in line)
    return list(csv.DictReader(StringIO(Path(line.split()[0]).read_text(encoding="utf-8-sig"))))


def newest(data: Path, pattern: str) -> Path:
    return max((data / "labels").glob(pattern), key=lambda path: path.stat().st_mtime)


def filled(path: Path, sheet: Sequence[dict[str, str]], *labels: str) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, sheet[0].keys())
        out.writeheader()
        out.writerows({**row, "label": label} for row, label in zip(sheet, labels, strict=False))
    return path


def test_a_sheet_is_the_same_each_time_and_hides_what_judges_said(data: Path) -> None:
    found = sheet(data, 8)
    page = newest(data, "sheet-8-*.html").read_text()

    assert sheet(data, 8) == found
    assert len(found) == 8
    assert {row["label"] + row["person"] for row in found} == {""}
    assert [row["annotation_id"] in page for row in found] == [True] * 8
    reasons = rows(data, "SELECT DISTINCT reason FROM evaluations WHERE question = 'answer' AND NOT by_rule")
    assert [row["reason"] for row in reasons if row["reason"] in page] == []


def test_a_sheet_that_is_filled_in_is_not_written_over(data: Path) -> None:
    found = sheet(data, 3)
    filled(newest(data, "sheet-3-*.csv"), found, "Solved")
    done = CliRunner().invoke(app, ["evaluate", "--label", "3", "--data", str(data)])
    assert (done.exit_code, "it may be filled in" in done.output) == (2, True), done.output


def test_labels_of_several_people_are_read_and_survive_a_refresh(
    data: Path, tmp_path: Path, toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    found = sheet(data, 8)
    ada = filled(tmp_path / "ada.csv", found, *["Solved"] * 5, "Unsolved", "", "")
    bo = filled(tmp_path / "bo.csv", found, *["Solved"] * 4, "Unsure", "Unsolved", "Solved", "")
    for file in (ada, bo):
        done = toolloom("evaluate", "--labels", file, *SMALL, *sandbox.settings(), "--data", data)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "7 labels of one person in" in done.stdout
    assert "ada and bo: 83% of 6 the same, kappa 0.60" in done.stdout
    assert "toolloom-teacher: uncalibrated, 7 of 100 answers labelled" in done.stdout

    told = "SELECT person, count(*) AS n FROM labels GROUP BY ALL ORDER BY ALL"
    both = [{"person": "ada", "n": 6}, {"person": "bo", "n": 7}]
    assert rows(data, told) == both
    said = [f"FROM {table} ORDER BY ALL" for table in ("evaluations", "preferences", "answer_facts")]
    votes = [rows(data, query) for query in said]
    again = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", data)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (rows(data, told), [rows(data, query) for query in said]) == (both, votes)
    changed = filled(tmp_path / "ada.csv", found, "Unsure")
    done = toolloom("evaluate", "--labels", changed, *SMALL, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(data, told) == both
    assert rows(data, "SELECT count(*) AS n FROM labels WHERE label = 'Unsure'") == [{"n": 2}]


def test_labels_that_cannot_be_used_change_nothing(
    data: Path, tmp_path: Path, toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    before = rows(data, "FROM labels ORDER BY ALL")
    wrong = filled(tmp_path / "eve.csv", [*sheet(data, 8)[:2], *sheet(data, 8)[:1]], "Solved", "Passed", "")
    code, message = refused(toolloom("evaluate", "--labels", wrong, *sandbox.settings(), "--data", data))
    assert (code, "row 3: 'Passed' is no label" in message) == (2, True), message
    assert rows(data, "FROM labels ORDER BY ALL") == before


def test_a_sheet_is_written_or_read(data: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", "--label", "3", "--labels", "x.csv", "--data", str(data)])
    assert (done.exit_code, "give one of them" in done.output) == (2, True), done.output
