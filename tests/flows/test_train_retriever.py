"""`toolloom retriever train` and `toolloom models`: trained, killed and gone on with, refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL
from foreign_servers import python_with_models
from snapshots import Snapshot, rows
from typer.testing import CliRunner

from flows.cli import app
from tasks.model_folders import model_digest, model_folder
from tasks.retrieval.models import models_of

# Many short steps, so that a kill finds some saved and others not.
QUICK = ["retriever.epochs=8", "retriever.batch_size=4", "retriever.max_tokens=16", "retriever.held_back=0.3"]


@dataclass(frozen=True)
class Trainer:
    """`toolloom` where the extra is, with a small model of random weights as the base."""

    python: Path
    env: dict[str, str]
    base: Path

    def begin(self, data: Path, *arguments: str) -> subprocess.Popen[str]:
        settings = [f"retriever.base={self.base}", *QUICK]
        sets = [word for each in settings for word in ("--set", each)]
        words = ["retriever", "train", *SMALL, *sets, *arguments]
        return subprocess.Popen(
            [str(self.python), "-m", "flows", *words, "--data", str(data)],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(self, data: Path) -> str:
        process = self.begin(data)
        out, errors = process.communicate(timeout=240)
        assert process.returncode == 0, out + errors
        assert errors == ""
        return out


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Trainer:
    python, env = python_with_models()
    base = tmp_path_factory.mktemp("base") / "tiny"
    script = Path(__file__).parents[1] / "support" / "tiny_encoder.py"
    subprocess.run([str(python), str(script), str(base)], env=env, check=True, timeout=120)
    return Trainer(python, env | {"PREFECT_API_URL": prefect_api}, base)


def copied(snapshot: Snapshot, folder: Path) -> Path:
    return Path(shutil.copytree(snapshot.data, folder / "data"))


def listed(data: Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["models", "--format", "json", "--data", str(data)])
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_training_killed_and_gone_on_with_makes_the_same_model(
    trainer: Trainer, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    whole, killed = copied(uninterrupted, tmp_path / "whole"), copied(uninterrupted, tmp_path / "killed")

    process = trainer.begin(killed)
    deadline = time.monotonic() + 200
    while not list((killed / "models").glob(".training-*/plain/checkpoint-*/trainer_state.json")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert listed(killed) == []
    trainer.train(killed)
    said = trainer.train(whole)

    (card,) = models_of(whole)
    assert [each.digest for each in models_of(killed)] == [card.digest]
    assert models_of(killed)[0].epochs == card.epochs
    assert model_digest(model_folder(whole, card.digest)) == card.digest
    assert f"model {card.digest}" in said
    assert [path.name for path in (whole / "models").iterdir()] == [card.digest]
    assert [(row["digest"], row["in_use"]) for row in listed(whole)] == [(card.digest, True)]
    (row,) = rows(whole, "SELECT model_digest, n_pairs, epochs FROM models")
    assert row == {"model_digest": card.digest, "n_pairs": card.n_pairs, "epochs": list(card.epochs)}

    assert "nothing was asked or written" in trainer.train(whole)


def test_without_the_extra_a_line_says_what_to_install(uninterrupted: Snapshot) -> None:
    done = CliRunner().invoke(app, ["retriever", "train", "--data", str(uninterrupted.data)])
    assert done.exit_code == 2
    assert "not installed here" in done.output
    assert ".venv/bin/pip install -e '.[retriever]'" in done.output


def test_a_folder_without_models_lists_none(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["models", "--data", str(tmp_path)])
    assert done.exit_code == 0
    assert "`toolloom retriever train` or `toolloom train` makes one" in done.output
    assert listed(tmp_path) == []
