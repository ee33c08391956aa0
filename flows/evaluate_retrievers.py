"""Measuring and training retrievers: how well each finds the APIs that a data folder's instructions need."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import DEFAULT_DATA
from flows.embed_apis import embed, model_if_usable
from flows.evaluate_annotations import joined
from flows.outcome import Ranked, Trained
from flows.params import Config, Undescribed
from flows.run import run_in
from flows.stages import StageSequence, raise_stop, shard_runner
from tasks.commit import RANK as KIND
from tasks.commit import TRAIN as TRAIN_KIND
from tasks.errors import UsageError
from tasks.frame.running import usable
from tasks.keep_searches import HOLD_INSTRUCTIONS
from tasks.model_folders import is_whole, model_folder
from tasks.rank import STAGE as RANK
from tasks.rank import RankParams
from tasks.retrieval.models import make_newest
from tasks.train_retriever import STAGE as TRAIN
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import INSTRUCTIONS, MODELS


@flow(name="evaluate-retrievers", flow_run_name="retrievers-{config.name}", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def evaluate_retrievers(config: Undescribed[Config], data: Path = DEFAULT_DATA) -> Ranked:
    """Ranks all kept APIs for all instructions of the snapshot shown, and commits a run of kind `rank`.

    What has changed is encoded before, where a model is in use.
    """
    with run_in(data, config, KIND, base=run_to_rank, asks_model=False) as run:
        assert run.base is not None, "run_to_rank gives none but one that is there"
        with StageSequence(run.context, run.config, outputs=to_rank(run.base)) as sequence:
            model = model_if_usable(run.config.retriever, data)
            if model is not None:
                embed(sequence, model)
            params = run.config.retriever
            sequence.stage(
                RANK,
                RankParams(
                    held_out=run.config.export.held_out, model=model, mix=params.mix, fusion=params.fusion
                ),
            )
        outputs = {ran.stage: ran.output for ran in sequence.done if ran.output is not None}
        stands = outputs.items() <= run.base.stages.items()
        return run.commit(
            Ranked,
            sequence.done,
            outputs,
            run.base.status,
            parent=run.base.run_id,
            stands=run.base.run_id if stands else None,
        )


@flow(name="train-retriever", flow_run_name="train-{config.name}")
def train_retriever(config: Undescribed[Config], data: Path = DEFAULT_DATA) -> Trained:
    """Trains on the training split of the snapshot shown, and commits a run of kind `train`.

    A model that was trained before on the same, and is whole, stands, and is the newest again.
    """
    with run_in(data, config, TRAIN_KIND, base=run_to_rank, asks_model=False) as run:
        assert run.base is not None, "run_to_rank gives none but one that is there"
        held_out = config.export.held_out
        with StageSequence(run.context, run.config, outputs=to_rank(run.base)) as sequence:
            output = sequence.stage(TRAIN, held_out=held_out)
            (row,) = run.store.read(MODELS, output.tables[MODELS.name])
            if not is_whole(model_folder(data, row.model_digest)):
                sequence.done.clear()
                output = sequence.stage(TRAIN, held_out=held_out, anew=run.context.run_id)
                (row,) = run.store.read(MODELS, output.tables[MODELS.name])
        if not sequence.done[-1].complete:
            raise_stop(sequence.done)
        make_newest(data, row.model_digest)
        outputs = {TRAIN.name: output}
        stands = outputs.items() <= run.base.stages.items()
        return run.commit(
            Trained,
            sequence.done,
            outputs,
            run.base.status,
            parent=run.base.run_id,
            stands=run.base.run_id if stands else None,
            model=row.model_digest,
            epochs=row.epochs,
            n_pairs=row.n_pairs,
        )


def run_to_rank(data: Path) -> Manifest:
    """The snapshot shown, with its instructions.  Raises `UsageError`."""
    shown = manifest.newest(data)
    found = {} if shown is None else to_rank(shown)
    if shown is None or len({"crawl", "select"} & found.keys()) < 2:
        what = "catalogue to find APIs in" if "crawl" not in found else "instructions to find APIs for"
        raise UsageError(
            f"{data} holds no {what}",
            fix="run `toolloom refresh` or `toolloom annotate --queries FILE`, or name another folder with "
            "--data",
        )
    if not all(usable(Store(data), output) for output in to_rank(shown).values()):
        raise UsageError(
            f"files of run {shown.run_id} are gone or damaged",
            fix="run `toolloom refresh`, which makes them anew",
        )
    return shown


def to_rank(shown: Manifest) -> dict[str, StageOutput]:
    """What the stage reads; instructions of query files and of a refresh as one output."""
    stages = shown.stages
    found = {
        "crawl": stages.get("crawl"),
        "compress": stages.get("compress"),
        "select": joined(stages, HOLD_INSTRUCTIONS, (INSTRUCTIONS,)),
    }
    return {name: output for name, output in found.items() if output is not None}
