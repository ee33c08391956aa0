"""`toolloom evaluate` and `toolloom compare` on what a refresh and searches by another method left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import SMALL, Sandbox, refused
from snapshots import Snapshot, rows
from typer.testing import CliRunner
from warm import WarmToolloom

from flows.cli import app


@pytest.fixture(scope="module")
def evaluated(judged: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder whose instructions were searched by two methods, and both judged; and what was printed."""
    data = tmp_path_factory.mktemp("evaluated") / "data"
    shutil.copytree(judged, data)
    return data, (judged.parent / "printed").read_text()


def test_every_answer_has_facts_and_votes(evaluated: tuple[Path, str]) -> None:
    data, _ = evaluated
    assert rows(
        data,
        "SELECT (SELECT count(*) FROM annotations) = (SELECT count(*) FROM answer_facts) AS facts, "
        "count(DISTINCT annotation_id) = (SELECT count(*) FROM annotations) AS judged, "
        "bool_and(n_votes = CASE WHEN by_rule THEN 1 ELSE 3 END) AS votes FROM judged_answers",
    ) == [{"facts": True, "judged": True, "votes": True}]


def test_a_task_is_judged_once_for_an_instruction(evaluated: tuple[Path, str]) -> None:
    data, _ = evaluated
    assert rows(
        data,
        "SELECT count(DISTINCT subject_id) = (SELECT count(*) FROM instructions) AS all_of_them, "
        "count(*) = 3 * count(DISTINCT subject_id) AS three_votes FROM evaluations WHERE question = 'task'",
    ) == [{"all_of_them": True, "three_votes": True}]


def test_pairs_are_judged_in_both_orders_or_by_rule(evaluated: tuple[Path, str]) -> None:
    data, _ = evaluated
    found = rows(
        data,
        "SELECT least(first_id, second_id) AS pair, bool_or(by_rule) AS by_rule, count(*) AS n "
        "FROM preferences GROUP BY pair, greatest(first_id, second_id)",
    )
    n_instructions = rows(data, "SELECT count(*) AS n FROM instructions")[0]["n"]
    assert len(found) == n_instructions
    assert {(row["by_rule"], row["n"]) for row in found} <= {(True, 1), (False, 2)}


def test_the_accounts_of_both_stages_add_up(evaluated: tuple[Path, str]) -> None:
    data, _ = evaluated
    found = rows(
        data,
        "SELECT stage, n_in = n_out + n_rejected AND n_pending = 0 AS adds_up FROM funnel "
        "WHERE stage IN ('evaluate', 'prefer') ORDER BY stage",
    )
    assert found == [{"stage": "evaluate", "adds_up": True}, {"stage": "prefer", "adds_up": True}]


def test_judging_again_asks_nothing(
    evaluated: tuple[Path, str], toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    data, _ = evaluated
    before = rows(data, "FROM evaluations ORDER BY ALL")
    asked = sandbox.stats["requests"]
    done = toolloom("evaluate", "--against", "react", *SMALL, *sandbox.settings(), "--data", data)
    assert (done.returncode, sandbox.stats["requests"] - asked) == (0, 0), done.stdout + done.stderr
    assert rows(data, "FROM evaluations ORDER BY ALL") == before


@pytest.mark.parametrize(
    ("method", "asked", "compared"),
    [("dfsdt", 0, 0), ("react", 0, 0), ("react@2", 3 * 24, 2 * 24)],
)
def test_a_plan_counts_no_vote_that_is_stored(
    method: str, asked: int, compared: int, evaluated: tuple[Path, str]
) -> None:
    """Whichever method a refresh takes; of answers to come the tasks are judged already."""
    settings = (f"annotate.method={method}", "evaluate.in_refresh=true", "evaluate.against=react")
    words = [word for setting in settings for word in ("--set", setting)]
    shown = CliRunner().invoke(app, ["plan", *SMALL, *words, "--format", "json", "--data", str(evaluated[0])])
    found = {stage["stage"]: stage["requests"] for stage in json.loads(shown.output)["stages"]}
    assert (found["evaluate"], found["prefer"]) == (asked, compared)


def test_methods_are_compared_on_the_instructions_they_share(evaluated: tuple[Path, str]) -> None:
    data, _ = evaluated
    shown = CliRunner().invoke(app, ["compare", "dfsdt", "react", "--format", "json", "--data", str(data)])
    assert shown.exit_code == 0, shown.output
    ours, theirs = json.loads(shown.output)
    assert (ours["side"], theirs["side"], ours["n"]) == ("dfsdt", "react", theirs["n"])
    assert ours["won"] + ours["tied"] + ours["lost"] == ours["n_pairs"] == ours["n"]
    assert ours["passed_low"] <= ours["passed"] <= ours["passed_high"]
    assert theirs["difference"] is None


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        (["dfsd", "react"], "did you mean 'dfsdt'?"),
        (["method=dfsdt,model=gpt"], "no judged answer is of 'gpt'"),
        (["dfsdt,foo", "react"], "'dfsdt,foo' is no side of a comparison"),
        (["color=red"], "a side has no 'color'"),
        (["toolloom-teacher"], "has several answers to an instruction"),
        (["dfsdt", "--judge", "somebody"], "'somebody' has judged nothing"),
        (["dfsdt", "--rules", "mine"], "there are no rules 'mine'"),
    ],
)
def test_sides_that_cannot_be_compared_say_what_to_name(
    sides: list[str], message: str, evaluated: tuple[Path, str]
) -> None:
    data, _ = evaluated
    shown = CliRunner().invoke(app, ["compare", *sides, "--data", str(data)])
    assert (shown.exit_code, message in shown.output) == (2, True), shown.output


def test_a_side_may_be_named_by_its_method_and_more(evaluated: tuple[Path, str]) -> None:
    data, _ = evaluated
    sides = ["dfsdt,model=toolloom-teacher", "method=react"]
    shown = CliRunner().invoke(app, ["compare", *sides, "--format", "json", "--data", str(data)])
    assert [row["side"] for row in json.loads(shown.output)] == sides


def test_a_reference_without_answers_is_refused(
    evaluated: tuple[Path, str], toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    data, _ = evaluated
    before = rows(data, "FROM preferences ORDER BY ALL")
    done = toolloom("evaluate", "--against", "nope", *SMALL, *sandbox.settings(), "--data", data)
    code, message = refused(done)
    assert (code, "no answer is of the method 'nope'" in message) == (2, True), message
    assert rows(data, "FROM preferences ORDER BY ALL") == before


def test_answers_that_nobody_judged_are_not_compared(uninterrupted: Snapshot) -> None:
    shown = CliRunner().invoke(app, ["compare", "dfsdt", "--data", str(uninterrupted.data)])
    assert (shown.exit_code, "run `toolloom evaluate` first" in shown.output) == (2, True), shown.output


def test_a_folder_without_answers_is_refused(
    tmp_path: Path, toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    done = toolloom("evaluate", *SMALL, *sandbox.settings(), "--data", tmp_path / "data")
    code, message = refused(done)
    assert (code, "there is no data set in" in message) == (2, True), message


IN_REFRESH = ("--set", "evaluate.in_refresh=true")


@pytest.fixture(scope="module")
def judged_in_refresh(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    searched_twice: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str]:
    """A folder whose instructions were searched by two methods, and then refreshed with a judge in it."""
    data = tmp_path_factory.mktemp("judged") / "data"
    shutil.copytree(searched_twice, data)
    refresh = ("refresh", *IN_REFRESH, "--set", "evaluate.against=react", *SMALL, *sandbox.settings())
    done = toolloom(*refresh, "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    return data, done.stdout


def test_a_refresh_judges_what_the_command_does(
    judged_in_refresh: tuple[Path, str], evaluated: tuple[Path, str]
) -> None:
    (refreshed, printed), (commanded, _) = judged_in_refresh, evaluated
    for table in ("answer_facts", "evaluations", "preferences"):
        query = f"FROM {table} ORDER BY ALL"
        assert rows(refreshed, query) == rows(commanded, query), table
    assert rows(refreshed, "SELECT kind, status FROM snapshot") == [{"kind": "refresh", "status": "complete"}]
    assert [line.split()[0] for line in printed.splitlines() if "rejected" in line][-2:] == [
        "evaluate",
        "prefer",
    ]


def test_a_refresh_that_judged_stands_when_nothing_changed(
    judged_in_refresh: tuple[Path, str], toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    data, _ = judged_in_refresh
    asked = sandbox.stats["requests"]
    again = ("refresh", *IN_REFRESH, "--set", "evaluate.against=react", *SMALL, *sandbox.settings())
    done = toolloom(*again, "--data", data)
    assert (done.returncode, sandbox.stats["requests"] - asked) == (0, 0), done.stdout + done.stderr
    assert "Up to date" in done.stdout, done.stdout


def test_a_refresh_judges_only_what_is_new_and_keeps_the_rest(
    judged_in_refresh: tuple[Path, str], toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(judged_in_refresh[0], tmp_path / "data"))
    before = rows(data, "FROM evaluations")
    more = [*SMALL, "--set", "instruct.accepted=30"]
    done = toolloom("refresh", *more, *IN_REFRESH, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    there = {row["instruction_id"] for row in rows(data, "FROM instructions")}
    after = rows(data, "FROM evaluations")
    kept = [row for row in before if row["instruction_id"] in there]
    assert (len(kept) > 0, [row for row in kept if row not in after]) == (True, [])
    asked = rows(
        data,
        "SELECT count(*) > 0 AS anew, count(*) FILTER (row_id IN "
        "(SELECT annotation_id FROM before.annotations)) "
        "AS again FROM llm_calls JOIN snapshot USING (run_id) WHERE stage = 'evaluate' AND NOT from_store",
    )
    assert asked == [{"anew": True, "again": 0}]


def test_a_refresh_without_answers_to_compare_with_says_so(
    toolloom: WarmToolloom, sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(uninterrupted.data, tmp_path / "data"))
    few = ("--set", "evaluate.votes=1", "--set", "evaluate.tasks=false")
    again = ("refresh", *IN_REFRESH, "--set", "evaluate.against=reakt", *few, *SMALL, *sandbox.settings())
    done = toolloom(*again, "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no answers are compared: none is of the method 'reakt'" in done.stdout
    assert rows(data, "SELECT count(*) AS n FROM preferences") == [{"n": 0}]


def test_a_refresh_that_is_asked_to_end_before_judging_is_not_complete(
    toolloom: WarmToolloom, sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(uninterrupted.data, tmp_path / "data"))
    otherwise = ["--set", "annotate.method=react"]  # else all of it stands already
    done = toolloom(
        "refresh", *IN_REFRESH, "--until", "annotate", *otherwise, *SMALL, *sandbox.settings(), "--data", data
    )
    assert (done.returncode, "partial" in done.stdout) == (0, True), done.stdout + done.stderr
