"""What `toolloom` does before any command."""

from __future__ import annotations

import tomllib
from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app

ROOT = Path(__file__).parents[2]


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.output) == (0, f"toolloom {project['version']}\n")
