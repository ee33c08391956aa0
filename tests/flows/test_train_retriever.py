"""`toolloom retriever train` and `toolloom models` without the extra, and where nothing was trained."""

from __future__ import annotations

import json
from pathlib import Path

from snapshots import Snapshot
from typer.testing import CliRunner

from flows.cli import app


def test_without_the_extra_a_line_says_what_to_install(uninterrupted: Snapshot) -> None:
    done = CliRunner().invoke(app, ["retriever", "train", "--data", str(uninterrupted.data)])
    assert done.exit_code == 2
    assert "not installed here" in done.output
    assert "pip install 'toolloom[retriever]'" in done.output


def test_a_folder_without_models_lists_none(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["models", "--data", str(tmp_path)])
    assert done.exit_code == 0
    assert "`toolloom retriever train` makes one" in done.output
    done = CliRunner().invoke(app, ["models", "--format", "json", "--data", str(tmp_path)])
    assert json.loads(done.stdout) == []
