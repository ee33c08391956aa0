"""Train: a chat model learns from the searches that were won how functions are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.exporting.params import ExportParams
from tasks.exporting.searches import source_of
from tasks.frame.progress import Progress, ShardProgress
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Stage
from tasks.model_folders import model_digest
from tasks.serving.bases import file_of_base, folder_of_base
from tasks.training.making import make_chat_model
from tasks.training.models import ChatCard
from tasks.training.params import TrainParams
from warehouse.files import digest_of_file
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.table import Table
from warehouse.tables import ANNOTATIONS, CHAT_MODELS, INSTRUCTIONS, NODES, REJECTS, TRAININGS
from warehouse.tables.training import ChatModel, TrainingStep

if TYPE_CHECKING:
    from tasks.training.training import Told

VERSION = 1


def train(
    services: Services,
    params: TrainParams,
    selected: StageOutput,
    annotated: StageOutput,
    held_out: float,
    anew: str | None = None,  # noqa: ARG001 - counts in the key
) -> Sequence[ShardOutput]:
    """The model is moved into the folder of models whole; until then nothing there is of it.

    held_out: the share of the training split's instructions that exports hold out: what is learned is
    measured on them.  anew: the run that found the model of a cached output gone.  Raises `UsageError` where
    there is nothing to learn from.
    """
    tables: dict[Table[Any], tuple[TableRef, ...]] = {
        ANNOTATIONS: annotated.tables[ANNOTATIONS.name],
        NODES: annotated.tables[NODES.name],
        INSTRUCTIONS: selected.tables[INSTRUCTIONS.name],
    }
    told = _Told(services.progress(STAGE.name))
    run, params_of_source = services.run, ExportParams(held_out=held_out)
    with source_of(run.data, run.run_id, run.started_at, tables, params_of_source) as source:
        told.begin(len(source.index), STAGE.unit)
        card, material = make_chat_model(run.data, params, source, told.read, told.step)
    counts = Counts(
        unit=STAGE.unit,
        n_in=material.n_conversations,
        n_out=len(material.train) + len(material.held_out),
        n_rejected=len(material.rejects),
    )
    rows: TableRows = {CHAT_MODELS: [_model(card)], TRAININGS: _steps(card), REJECTS: material.rejects}
    return [write_shard(services.store, rows, counts)]


@dataclass
class _Told:
    """Searches that are read, then the steps of each phase, as the stage's progress."""

    progress: Progress
    phase: str = ""
    shard: ShardProgress = field(init=False)

    def begin(self, total: int, unit: str) -> None:
        self.progress.expect(total, unit)
        self.shard = self.progress.shard(1)

    def read(self, number: int) -> None:
        self.shard.done = number
        self.progress.tell("then the base is loaded, and measured on what is held out")

    def step(self, at: Told) -> None:
        if at.phase != self.phase:
            self.phase = at.phase
            self.begin(at.n_steps, "step")
            self.shard.carried = at.steps - 1
        self.shard.done = at.steps
        self.progress.tell(f"{at.phase} loss {at.loss:.3f}, {at.tokens_per_s:,.0f} tokens/s")


def _model(card: ChatCard) -> ChatModel:
    return ChatModel(
        model_digest=card.digest,
        base=card.base,
        base_digest=card.base_digest,
        data_digest=card.data_digest,
        method=card.parameters.method,
        template=card.template,
        n_conversations=card.n_conversations,
        n_held_out=card.n_held_out,
        n_pairs=card.n_pairs,
        n_straddling=card.n_straddling,
        longest=card.longest,
        loss=card.loss("last"),
        evaluation_before=card.evaluation("first"),
        evaluation_after=card.evaluation("last"),
        licence=card.licence,
        made_at=card.made_at,
        seconds=card.seconds,
    )


def _steps(card: ChatCard) -> list[TrainingStep]:
    return [TrainingStep(model_digest=card.digest, **step.model_dump()) for step in card.steps]


def _base_digest(params: TrainParams) -> str:
    """Of a package's file that, since the folder made of it holds versions of what made it."""
    file = file_of_base(params.base)
    return digest_of_file(file) if file else model_digest(folder_of_base(params.base, Path()))


STAGE = Stage(
    name="train",
    version=VERSION,
    unit="conversation",
    section="train",
    reads={"select": (INSTRUCTIONS,), "annotate": (ANNOTATIONS, NODES)},
    writes=(CHAT_MODELS, TRAININGS, REJECTS),
    arguments=("held_out", "anew"),
    contents=_base_digest,
    whole=train,
)
