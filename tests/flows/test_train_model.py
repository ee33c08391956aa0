"""`toolloom train`: trained, killed and gone on with, refused; a tiny Llama of random weights, with TRL."""

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
from tasks.training.models import chat_models_of

QUICK = [
    "export.held_out=0.3",
    "train.accumulation=1",
    "train.learning_rate=0.01",
    "train.max_steps=4",
    "train.max_tokens=2200",
    "train.save_steps=2",
    "train.dpo.epochs=1",
    "train.dpo.learning_rate=0.001",
]
# Several commands in one process: to import what trains takes longer than to train.
COMMANDS = """
import json, sys
from flows.cli import app
for words in json.loads(sys.argv[1]):
    print("::", flush=True)
    app(words, standalone_mode=False)
"""


@dataclass(frozen=True)
class Trainer:
    """`toolloom train` where the extra is."""

    python: Path
    env: dict[str, str]
    base: Path

    def begin(self, *folders: Path) -> subprocess.Popen[str]:
        """One after the other."""
        sets = [word for each in [f"train.base={self.base}", *QUICK] for word in ("--set", each)]
        words = [["train", *SMALL, *sets, "--data", str(data)] for data in folders]
        return subprocess.Popen(
            [str(self.python), "-c", COMMANDS, json.dumps(words)],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(self, *folders: Path) -> list[str]:
        """What each says."""
        process = self.begin(*folders)
        out, errors = process.communicate(timeout=400)
        assert process.returncode == 0, out + errors
        assert errors == ""
        return out.split("::\n")[1:]


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Trainer:
    python, env = python_with_models()
    base = tmp_path_factory.mktemp("base") / "tiny"
    script = Path(__file__).parents[1] / "support" / "tiny_chat.py"
    subprocess.run(
        [str(python), str(script), str(base)], env=env, check=True, timeout=300, stderr=subprocess.PIPE
    )
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
    while not list((killed / "models").glob(".tuning-*/imitated/checkpoint-*/trainer_state.json")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert listed(killed) == []
    gone_on, said, again = trainer.train(killed, whole, whole)

    (card,) = chat_models_of(whole)
    assert [each.digest for each in chat_models_of(killed)] == [card.digest]
    assert chat_models_of(killed)[0].steps == card.steps
    assert "nothing was asked or written" in again
    assert f"model {card.digest}" in said
    assert f"model {card.digest}" in gone_on
    place = model_folder(whole, card.digest)
    assert model_digest(place) == card.digest
    assert [path.name for path in (whole / "models").iterdir()] == [card.digest]
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= {
        path.name for path in place.iterdir()
    }

    first, last = card.evaluation("first"), card.evaluation("last")
    assert first is not None
    assert last is not None
    assert last < first - 0.05
    assert card.note == "the base's own chat template is not used: it has none; chatml_tools is used instead"
    assert [(row["digest"], row["kind"], row["in_use"]) for row in listed(whole)] == [
        (card.digest, "chat", True)
    ]
    assert models_of(whole) == []
    steps = rows(whole, "SELECT phase, step, loss, evaluation, margin, tokens FROM trainings ORDER BY ALL")
    noted = sorted(
        (step.phase, step.step, step.loss, step.evaluation, step.margin, step.tokens) for step in card.steps
    )
    assert [tuple(row.values()) for row in steps] == noted
    assert [step for phase, step, *_ in noted if phase == "sft"] == list(range(5))
    assert [step for phase, step, *_ in noted if phase == "dpo"] == list(range(1, 1 + min(4, card.n_pairs)))
    (row,) = rows(whole, "SELECT model_digest, n_conversations, n_pairs, n_straddling FROM chat_models")
    assert tuple(row.values()) == (card.digest, card.n_conversations, card.n_pairs, 0)


def test_without_the_extra_a_line_says_what_to_install(uninterrupted: Snapshot) -> None:
    done = CliRunner().invoke(app, ["train", "--data", str(uninterrupted.data)])
    assert done.exit_code == 2
    assert "not installed here" in done.output
    assert ".venv/bin/pip install -e '.[train]'" in done.output
