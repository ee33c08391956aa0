"""Rounds of further draws, and a judge of what they bring."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Sandbox
from snapshots import Snapshot
from warm import WarmToolloom

from flows.ask import answer
from warehouse import manifest

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

WANTED = 200
MANY = [*("--set", f"instruct.accepted={WANTED}"), *("--set", "instruct.verify=true")]
JUDGED = (
    "SELECT count(*) AS n, count(*) FILTER (least(score_natural, score_answerable, score_complete) < 4) "
    "AS n_poor FROM verifications"
)
BY_ROUND = "SELECT greatest(0, -draw) AS round_no, count(*) AS n FROM samples GROUP BY ALL ORDER BY ALL"


@pytest.fixture
def data(uninterrupted: Snapshot, tmp_path: Path) -> Path:
    """A folder in which all is done, to go on from."""
    return Path(shutil.copytree(uninterrupted.data, tmp_path / "data"))


@pytest.fixture
def selected(toolloom: WarmToolloom, sandbox: Sandbox, data: Path) -> Path:
    """More wanted than there are, and every one of them judged."""
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


def rows_of(data: Path, sql: str) -> list[dict[str, Any]]:
    """Of the newest run, complete or not."""
    newest = manifest.latest(data)
    assert newest is not None
    found: list[dict[str, Any]] = json.loads(answer(data, sql, output="json", run=newest.run_id))
    return found
