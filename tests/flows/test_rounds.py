"""Rounds of further draws, and a judge of what they bring."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Sandbox
from snapshots import Snapshot, rows
from warm import WarmToolloom

from warehouse import manifest

pytestmark = pytest.mark.slow

WANTED = 80
MANY = [*("--set", f"instruct.accepted={WANTED}"), *("--set", "instruct.verify=true")]
JUDGED = (
    "SELECT count(*) AS n, count(*) FILTER (least(score_natural, score_answerable, score_complete) < 4) "
    "AS n_poor FROM verifications"
)
BY_ROUND = "SELECT greatest(0, -draw) AS round_no, count(*) AS n FROM samples GROUP BY ALL ORDER BY ALL"


@pytest.fixture(scope="module")
def selected(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    uninterrupted: Snapshot,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """More wanted than there are, and every one of them judged."""
    data = Path(shutil.copytree(uninterrupted.data, tmp_path_factory.mktemp("selected") / "data"))
    done = toolloom("refresh", *SMALL, *MANY, *sandbox.settings(), "--until", "select", "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    return data


def test_draws_go_on_until_as_many_as_are_wanted_are_judged_fit(selected: Path) -> None:
    by_round = {row["round_no"]: row["n"] for row in rows_of(selected, BY_ROUND)}
    (judged,) = rows_of(selected, JUDGED)
    refused = rows_of(
        selected,
        "SELECT row_id FROM rejects WHERE reason IN ('unnatural', 'unanswerable', "
        "'incomplete', 'not_verified')",
    )
    assert rows_of(selected, "SELECT count(*) AS n FROM instructions") == [{"n": WANTED}]
    assert by_round.keys() >= {0, 1}
    assert judged["n"] - judged["n_poor"] >= WANTED
    assert judged["n_poor"] == len(refused)


def test_nothing_is_asked_again_when_all_rounds_are_done(
    toolloom: WarmToolloom, sandbox: Sandbox, selected: Path
) -> None:
    asked = sandbox.stats["requests"]
    again = toolloom("refresh", *SMALL, *MANY, *sandbox.settings(), "--until", "select", "--data", selected)
    assert again.returncode == 0, again.stdout + again.stderr
    assert sandbox.stats["requests"] == asked


OTHERS = (*MANY, "--set", "instruct.seed=7", "--until", "select")
CHOSEN = "SELECT instruction_id FROM instructions ORDER BY ALL"


@pytest.fixture(scope="module")
def undisturbed(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    uninterrupted: Snapshot,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[dict[str, Any]], int]:
    """What is chosen when nothing stops the run, and how many requests that takes."""
    data = Path(shutil.copytree(uninterrupted.data, tmp_path_factory.mktemp("undisturbed") / "data"))
    asked = sandbox.stats["requests"]
    done = toolloom("refresh", *SMALL, *OTHERS, *sandbox.settings(), "--data", str(data))
    assert done.returncode == 0, done.stdout + done.stderr
    return rows_of(data, CHOSEN), sandbox.stats["requests"] - asked


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_stop_leaves_no_trace_in_the_finished_run(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    uninterrupted: Snapshot,
    undisturbed: tuple[list[dict[str, Any]], int],
    tmp_path: Path,
    share: float,
) -> None:
    """Wherever the budget ends: while instructions are written, or judged, in whatever round."""
    chosen, n_requests = undisturbed
    data = Path(shutil.copytree(uninterrupted.data, tmp_path / "stopped"))
    command = ("refresh", *SMALL, *OTHERS, *sandbox.settings(), "--data", str(data))

    capped = toolloom(*command, "--set", f"budget.max_requests={int(n_requests * share)}")
    finished = toolloom(*command)

    assert (capped.returncode, finished.returncode) == (3, 0), finished.stdout + finished.stderr
    assert rows_of(data, CHOSEN) == chosen


def rows_of(data: Path, sql: str) -> list[dict[str, Any]]:
    """Of the newest run, complete or not."""
    newest = manifest.latest(data)
    assert newest is not None
    return rows(data, sql, newest.run_id)
