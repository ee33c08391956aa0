"""A refresh over a line on which a fifth of all requests goes wrong, and which is dead for a while.

benchmarks/bench_faults.py does the same with 2,000 instructions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faulty_endpoint
import pytest
import requests
from commands import SMALL, Sandbox, at_endpoint, refused
from snapshots import Snapshot, rows, snapshot_of
from warm import WarmToolloom

from flows.prefect.supervise import Child
from warehouse import manifest

pytestmark = pytest.mark.slow

CAP = 60
DOWN_S = 4.0
LINE = ["--set", "llm.timeout_s=6", "--set", "llm.endpoint_id=a faulty line"]


@contextmanager
def faulty_line(endpoint: str, log: Path, *options: str) -> Iterator[str]:
    command = [sys.executable, faulty_endpoint.__file__, endpoint, *options]
    with Child(command, log=log, read_stdout=True) as child:
        address = child.read_line(30)
        assert address is not None, log.read_text()
        yield address


def stats(address: str) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(address.removesuffix("/v1") + "/stats", timeout=10).json()
    return answer


def test_faults_and_an_outage_cost_time_and_leave_no_trace(
    toolloom: WarmToolloom, sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    settings = [*SMALL, *sandbox.settings(), *LINE, "--data", str(data)]
    with faulty_line(sandbox.teacher, tmp_path / "line.log") as line:
        capped = ["--set", f"budget.max_requests={CAP}"]
        stopped = toolloom("refresh", *settings, *at_endpoint(line), *capped)
        sent = stats(line)["requests"]
    outage = ["--down-after", "20", "--down-s", str(DOWN_S)]
    with faulty_line(sandbox.teacher, tmp_path / "line.log", *outage) as line:
        done = toolloom("refresh", *settings, *at_endpoint(line))
        counted = stats(line)

    assert refused(stopped)[0] == 3
    assert CAP - 3 <= sent <= CAP
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"refused", "failed", "dropped"} <= counted.keys()
    assert snapshot_of(data).content == uninterrupted.content
    assert [run.status for run in manifest.list_runs(data)] == ["partial", "complete"]
    (paid,) = rows(data, "SELECT n_requests FROM runs WHERE status = 'complete'")
    assert paid["n_requests"] == counted["passed"]
