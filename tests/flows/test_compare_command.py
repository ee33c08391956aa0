"""`toolloom compare` as it is typed, on a few answers whose votes are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from searched_world import RUN, SCRIPTS, search, votes_on, write_world
from typer.testing import CliRunner, Result

from flows.cli import app
from warehouse.tables.evaluations import Preference

NAMES = ("beach", "picnic", "harbour")
PASSED = {"dfsdt": ("beach", "picnic", "harbour"), "react": ("picnic",)}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three instructions that two methods answered, and a fourth that one did; pairs of one were judged."""
    folder = tmp_path_factory.mktemp("judged") / "data"
    answers = {(name, method): search(name, method=method) for name in NAMES for method in PASSED}
    sail = search("sail")
    votes = [
        vote
        for (name, method), answer in answers.items()
        for vote in votes_on(answer, "Solved" if name in PASSED[method] else "Unsolved")
    ]
    ours, theirs = (answers["picnic", method].annotation.annotation_id for method in PASSED)
    pairs = [
        Preference(
            first_id=first,
            second_id=second,
            judge="judge",
            vote=0,
            instruction_id="picnic",
            preferred=preferred,
            by_rule=False,
            reason="It is so.",
            prompt_digest="prompt",
        )
        for first, second, preferred in ((ours, theirs, "first"), (theirs, ours, "second"))
    ]
    found = [*answers.values(), sail, search("stroll")]
    assert len(SCRIPTS) == len({each.annotation.instruction_id for each in found})
    write_world(folder, found, votes=[*votes, *votes_on(sail, "Unsolved")], preferences=pairs)
    return folder


def typed(data: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["compare", *words, "--data", str(data)])


def compared(data: Path, *words: str) -> list[dict[str, Any]]:
    done = typed(data, *words, "--format", "json")
    assert done.exit_code == 0, done.output
    return list(json.loads(done.output))


def test_sides_are_compared_with_the_one_that_is_named(data: Path) -> None:
    react, dfsdt = compared(data, "react", "dfsdt", "--against", "react")
    assert (react["difference"], round(dfsdt["difference"], 3)) == (None, 0.667)
    assert [dfsdt[name] for name in ("n_pairs", "won", "tied", "lost")] == [1, 1, 0, 0]


def test_rows_are_told_apart_by_scenario_and_level(data: Path) -> None:
    found = compared(data, "dfsdt", "react", "--by", "set")
    assert [(row["scenario"], row["level"], row["side"], row["n"], row["passed"]) for row in found] == [
        ("G1", "instruction", "dfsdt", 1, 1.0),
        ("G1", "instruction", "react", 1, 0.0),
        ("G1", "tool", "dfsdt", 1, 1.0),
        ("G1", "tool", "react", 1, 1.0),
        ("G3", "category", "dfsdt", 1, 1.0),
        ("G3", "category", "react", 1, 0.0),
    ]


def test_the_papers_layout_has_the_sets_that_the_data_has(data: Path) -> None:
    ours, theirs = compared(data, "dfsdt", "react", "--as", "paper")
    assert ours == {
        "method": "dfsdt",
        "I1-Inst. pass": 100.0,
        "I1-Inst. win": None,
        "I1-Tool pass": 100.0,
        "I1-Tool win": 100.0,
        "Average pass": 100.0,
        "Average win": None,
        "judge": "judge",
        "calibration": "uncalibrated",
    }
    assert (theirs["Average pass"], theirs["Average win"]) == (50.0, None)


def test_a_table_says_what_it_is_of_and_what_was_left_out(data: Path) -> None:
    done = typed(data, "dfsdt", "react")
    assert done.output.splitlines()[:2] == [
        "3 instructions, judged by judge (uncalibrated) and counted by the rules of toolloom.",
        "react has no judged answer to 1, which are left out of all sides: sail",
    ]


def test_sides_that_lack_the_same_are_told_of_in_one_line(data: Path) -> None:
    done = typed(data, "react", "dfsdt", "react,run=latest", "--against", "dfsdt")
    assert done.output.splitlines()[1] == (
        "2 of 3 sides have no judged answer to 1, which are left out of all sides: sail"
    )


def test_an_artifact_needs_a_server(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    done = typed(data, "dfsdt", "react", "--artifact")
    assert (done.exit_code, "PREFECT_API_URL names no Prefect server" in done.output) == (2, True)


def test_only_a_side_can_be_compared_with(data: Path) -> None:
    done = typed(data, "dfsdt", "react", "--against", "nobody")
    assert (done.exit_code, "'nobody' is none of the sides" in done.output) == (2, True)


@pytest.mark.parametrize("sides", [("dfsdt,run={run}", "react"), ("dfsdt", "react,run={run}")])
def test_pairs_count_whether_the_newest_run_is_named_or_not(data: Path, sides: tuple[str, str]) -> None:
    ours, _ = compared(data, *(side.format(run=RUN) for side in sides))
    assert (ours["n_pairs"], ours["won"]) == (1, 1)


def test_what_nothing_can_be_said_of_is_empty(data: Path) -> None:
    rows = compared(data, "dfsdt", "dfsdt")
    assert [row["smallest_shown"] for row in rows] == [None, None]
    shown = typed(data, "dfsdt", "react").output
    assert ("nan" in shown, "''" in shown, "100.0 (43.8\N{EN DASH}100.0)" in shown) == (False, False, True), (
        shown
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("method=dfsdt,method=react", "react"), "says twice what a side is"),
        (("dfsdt,", "react"), "is no side of a comparison"),
        (("dfsdt", "react", "--as", "paper", "--by", "level"), "give --as or --by"),
    ],
)
def test_what_cannot_be_compared_is_told(data: Path, words: tuple[str, ...], told: str) -> None:
    done = typed(data, *words)
    assert (done.exit_code, told in " ".join(done.output.split())) == (2, True), done.output


def test_a_judge_that_judged_one_side_alone_is_named(tmp_path: Path) -> None:
    ours, theirs = (search("picnic", method=method) for method in PASSED)
    votes = [*votes_on(ours, "Solved"), *votes_on(theirs, "Solved")]
    strict = [replace(vote, judge="strict") for vote in votes_on(ours, "Solved")]
    write_world(tmp_path / "data", [ours, theirs], votes=[*votes, *strict])

    done = typed(tmp_path / "data", "dfsdt", "react", "--judge", "strict")
    told = "strict has judged no answer of 'react'"
    assert (done.exit_code, told in " ".join(done.output.split())) == (2, True), done.output
