"""What is told of a folder after commands that ran one stage of it: every other stage as it stands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import SMALL, Command, Sandbox
from snapshots import Snapshot, rows

pytestmark = pytest.mark.timeout(300)

PROBE = ["probe"]
ANNOTATE = ["annotate", "--method", "react@1", "--set", "annotate.limit=3"]
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
