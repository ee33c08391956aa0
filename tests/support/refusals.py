"""What a person reads when a command fails."""

from __future__ import annotations

import subprocess
from typing import NamedTuple


class Refusal(NamedTuple):
    """Exit code, what happened and where, and what to do about it."""

    code: int
    message: str
    fix: str


def refusal(done: subprocess.CompletedProcess[str]) -> Refusal:
    """The one message on stderr; whatever else were there, a traceback above all, would be a failure too."""
    assert done.returncode > 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout
    assert done.stderr.startswith("toolloom: "), done.stderr
    assert done.stderr.count("\n  fix: ") == 1, done.stderr
    message, _, fix = done.stderr.removeprefix("toolloom: ").rstrip("\n").partition("\n  fix: ")
    assert "\n" not in fix, done.stderr
    return Refusal(done.returncode, message, fix)
