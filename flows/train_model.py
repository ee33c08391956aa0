"""Training a chat model on the searches of a data folder."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import DEFAULT_DATA
from flows.evaluate_annotations import to_judge
from flows.outcome import Tuned
from flows.params import Config, Undescribed
from flows.run import run_in
from flows.stages import StageSequence, raise_stop
from tasks.commit import TRAIN as KIND
from tasks.errors import UsageError
from tasks.frame.running import usable
from tasks.keep_searches import HOLD_ANSWERS
from tasks.model_folders import CHAT, is_whole, model_folder
from tasks.train import STAGE as TRAIN
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import CHAT_MODELS


@flow(name="train-model", flow_run_name="train-model-{config.name}")
def train_model(config: Undescribed[Config], data: Path = DEFAULT_DATA) -> Tuned:
    """Trains on the searches of the snapshot shown, at the level `train`, and commits a run of kind `train`.

    A model that was trained before on the same, and is whole, stands.
    """
    with run_in(data, config, KIND, variant=CHAT, base=searched_run, asks_model=False) as run:
        assert run.base is not None, "searched_run gives none but one that is there"
        held_out = config.export.held_out
        with StageSequence(run.context, run.config, outputs=to_learn_from(run.base)) as sequence:
            output = sequence.stage(TRAIN, held_out=held_out)
            (row,) = run.store.read(CHAT_MODELS, output.tables[CHAT_MODELS.name])
            if not is_whole(model_folder(data, row.model_digest)):
                sequence.done.clear()
                output = sequence.stage(TRAIN, held_out=held_out, anew=run.context.run_id)
                (row,) = run.store.read(CHAT_MODELS, output.tables[CHAT_MODELS.name])
        if not sequence.done[-1].complete:
            raise_stop(sequence.done)
        outputs = {TRAIN.name: output}
        stands = outputs.items() <= run.base.stages.items()
        return run.commit(
            Tuned,
            sequence.done,
            outputs,
            run.base.status,
            parent=run.base.run_id,
            stands=run.base.run_id if stands else None,
            model=row.model_digest,
            n_conversations=row.n_conversations,
            n_refused=output.counts.n_rejected,
            loss=row.loss,
            before=row.evaluation_before,
            after=row.evaluation_after,
        )


def searched_run(data: Path) -> Manifest:
    """The snapshot shown, with its searches.  Raises `UsageError`."""
    shown = manifest.newest(data)
    if shown is None or not set(HOLD_ANSWERS) & shown.stages.keys():
        raise UsageError(
            f"{data} holds no searches to train on",
            fix="run `toolloom refresh`, `toolloom annotate` or `toolloom import toolbench`, or name another "
            "folder with --data",
        )
    if not all(usable(Store(data), output) for output in to_learn_from(shown).values()):
        raise UsageError(
            f"files of run {shown.run_id} are gone or damaged",
            fix="run `toolloom refresh`, which makes them anew",
        )
    return shown


def to_learn_from(shown: Manifest) -> dict[str, StageOutput]:
    """What the stage reads: searches of every command, and their instructions."""
    found = to_judge(shown.stages)
    return {name: found[name] for name in ("select", "annotate")}
