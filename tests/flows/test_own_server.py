"""The default way: no Prefect server, no sandbox, nothing configured."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run_by_default(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    data = tmp_path_factory.mktemp("default") / "data"
    done = subprocess.run(
        [sys.executable, "-m", "flows", "refresh", "--until", "sample", "--data", str(data)],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return data, done.stdout


def test_no_task_run_record_is_lost(run_by_default: tuple[Path, str]) -> None:
    data, _ = run_by_default
    with sqlite3.connect(data / "prefect" / "prefect.db") as database:
        recorded = database.execute(
            "SELECT name, state_name FROM task_run WHERE name NOT LIKE 'build-%' ORDER BY name"
        ).fetchall()
    database.close()

    assert recorded == [
        ("commit", "Completed"),
        ("compress", "Completed"),
        ("compress shard 1 of 1", "Completed"),
        ("crawl", "Completed"),
        ("crawl shard 1 of 1", "Completed"),
        ("probe", "Completed"),
        ("probe shard 1 of 1", "Completed"),
        ("sample", "Completed"),
    ]


def test_it_says_where_the_data_is_and_what_to_try(run_by_default: tuple[Path, str]) -> None:
    data, output = run_by_default

    assert f"data      {data}" in output
    assert output.count(" sql @") == 3


def test_nothing_it_started_is_left(run_by_default: tuple[Path, str]) -> None:
    data, _ = run_by_default
    deadline = time.monotonic() + 10
    while (left := _commands_about(data)) and time.monotonic() < deadline:
        time.sleep(0.1)

    assert left == []


def _commands_about(data: Path) -> list[str]:
    """Command lines and environments of living processes that name the data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if str(data).encode() in environment + command and process.name != str(os.getpid()):
            found.append(command.replace(b"\0", b" ").decode())
    return found
