"""What is told of a folder after commands that ran one stage of it, and after a run that had to stop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import SMALL, Command, Sandbox
from snapshots import Snapshot, rows

PROBE = ["probe"]
ANNOTATE = ["annotate", "--method", "react@1", "--set", "annotate.limit=3"]
NOTHING_LEFT = ["--set", "instruct.min_words=1000"]
AGREEING = (
    "SELECT stage, n_rejected, count(row_id) AS n_rejects FROM funnel LEFT JOIN rejects USING (stage) "
    "GROUP BY ALL ORDER BY stage"
)


@pytest.fixture
def data(uninterrupted: Snapshot, tmp_path: Path) -> Path:
    return Path(shutil.copytree(uninterrupted.data, tmp_path / "data"))


@pytest.mark.parametrize("command", [PROBE, ANNOTATE], ids=lambda command: command[0])
def test_the_funnel_keeps_every_stage_and_agrees_with_the_rejects(
    toolloom: Command, sandbox: Sandbox, data: Path, command: list[str]
) -> None:
    before = rows(data, "SELECT * FROM funnel WHERE stage <> 'annotate' ORDER BY stage_no")

    done = toolloom(*command, *SMALL, *sandbox.settings(), "--data", data)

    assert done.returncode == 0, done.stderr
    assert rows(data, "SELECT * FROM funnel WHERE stage <> 'annotate' ORDER BY stage_no") == before
    accounts = rows(data, AGREEING)
    assert [row["stage"] for row in accounts] == sorted([*(row["stage"] for row in before), "annotate"])
    assert [row["n_rejected"] for row in accounts] == [row["n_rejects"] for row in accounts]


def test_a_stopped_run_is_listed_at_once_and_its_advice_is_about_it(
    toolloom: Command, sandbox: Sandbox, data: Path
) -> None:
    """Beside a complete run, which goes on being shown."""
    done = toolloom("refresh", *SMALL, *NOTHING_LEFT, *sandbox.settings(), "--data", data)

    listed = json.loads(toolloom("runs", "--format", "json", "--data", data).stdout)
    assert [run["status"] for run in listed] == ["partial", "complete"]
    stopped = listed[0]["run_id"]
    assert "select left nothing" in done.stderr
    assert f"fix: `toolloom sql @rejects --run {stopped} --data {data}` shows each reason" in done.stderr
    rejects = toolloom("sql", "@rejects", "--run", stopped, "--format", "json", "--data", data).stdout
    assert {row["reason"] for row in json.loads(rejects) if row["stage"] == "select"} >= {"too_short"}
