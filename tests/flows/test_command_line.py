"""What `toolloom` does before any command."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from flows.cli import app

ROOT = Path(__file__).parents[2]


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.output) == (0, f"toolloom {project['version']}\n")


def test_an_interrupt_while_it_is_imported_is_no_traceback() -> None:
    told_of_imports = [sys.executable, "-X", "importtime", "-m", "flows", "refresh"]
    with subprocess.Popen(told_of_imports, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "typer" not in (line := process.stderr.readline()):
            assert line, "the process ended before it could be interrupted"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    said = [line for line in errors.splitlines() if not line.startswith("import time:")]
    assert (process.returncode, said) == (130, [])


def commands_of(group: Any, *names: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, *names, name)
        else:
            yield (*names, name), command


def test_every_command_tells_of_itself_by_h_with_all_words_of_its_description() -> None:
    for names, command in commands_of(get_command(app)):
        told = CliRunner().invoke(app, [*names, "-h"], env={"COLUMNS": "200", "TERM": "dumb"})
        assert told.exit_code == 0, names
        described = str(command.help).partition("\n\n")[0]
        assert " ".join(described.split()) in " ".join(told.output.split()), names
