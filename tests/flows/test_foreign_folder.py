"""Whoever stands in a folder with modules of his own has none of them imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from strangers import Strangers

TOOLLOOM = str(Path(sys.executable).with_name("toolloom"))


@pytest.fixture
def stood_in(tmp_path: Path) -> Path:
    folder = tmp_path / "stood-in"
    folder.mkdir()
    return folder


@pytest.fixture
def strangers(tmp_path: Path, stood_in: Path) -> Strangers:
    return Strangers(stood_in, tmp_path / "imported")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As a person does it; without a Prefect server, so that a run starts its own."""
    return subprocess.run(
        [TOOLLOOM, *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PREFECT"))},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--version",), 0), (("sql",), 0), (("runs", "--data", "data"), 2), (("plan", "--data", "data"), 0)],
)
def test_commands_import_none(
    stood_in: Path, strangers: Strangers, arguments: tuple[str, ...], code: int
) -> None:
    done = run(stood_in, *arguments)

    assert (done.returncode, strangers.imported) == (code, []), done.stderr


def test_the_sandbox_is_ours(stood_in: Path, strangers: Strangers) -> None:
    command = [TOOLLOOM, "sandbox", "--hub-port", "0", "--teacher-port", "0"]
    with subprocess.Popen(command, cwd=stood_in, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()

    assert ([*json.loads(line)], strangers.imported) == (["hub", "teacher"], [])


@pytest.mark.slow
def test_a_refresh_with_its_servers_imports_none(stood_in: Path, strangers: Strangers) -> None:
    done = run(stood_in, "refresh", "--until", "probe", "--data", "data")

    assert (done.returncode, strangers.imported) == (0, []), done.stderr
    assert (stood_in / "data" / "toolloom.duckdb").exists()
