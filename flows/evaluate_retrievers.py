"""Measuring retrievers: how well each finds the APIs that the instructions of a data folder need."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import DEFAULT_DATA
from flows.embed_apis import embed, model_if_usable
from flows.evaluate_annotations import joined
from flows.outcome import Ranked
from flows.params import Config
from flows.run import run_in
from flows.stages import StageSequence, shard_runner
from tasks.commit import RANK as KIND
from tasks.errors import UsageError
from tasks.frame.running import usable
from tasks.keep_searches import HOLD_INSTRUCTIONS
from tasks.rank import STAGE as RANK
from tasks.rank import RankParams
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import INSTRUCTIONS


@flow(name="evaluate-retrievers", flow_run_name="retrievers-{config.name}", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def evaluate_retrievers(config: Config, data: Path = DEFAULT_DATA) -> Ranked:
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
