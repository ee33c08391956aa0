"""Vectors of the kept APIs, for the retriever in use: made beside a refresh, and kept current by each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prefect import flow

from flows import DEFAULT_DATA
from flows.outcome import Embedded, StageRun
from flows.params import Config, Undescribed
from flows.report import say
from flows.run import OpenRun, run_in
from flows.stages import StageSequence, shard_runner
from tasks.commit import EMBED as KIND
from tasks.embed import STAGE as EMBED
from tasks.embed import EmbedParams
from tasks.errors import UsageError
from tasks.frame.run import RunContext
from tasks.frame.running import usable
from tasks.frame.services import services_of
from tasks.retrieval.in_use import ModelInUse, model_in_use
from tasks.retrieval.params import BM25, NEWEST, RetrieverParams
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store


@flow(name="embed-apis", flow_run_name="embed-{config.name}", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def embed_apis(config: Undescribed[Config], data: Path = DEFAULT_DATA) -> Embedded:
    """Encodes what has changed of the snapshot shown, and commits a run of kind `embed`."""
    with run_in(data, config, KIND, base=run_with_catalogue, asks_model=False) as run:
        assert run.base is not None, "run_with_catalogue gives none but one that is there"
        model = require_model(run.config.retriever, data)
        stages = run.base.stages
        before = {stage: stages[stage] for stage in ("crawl", "compress") if stage in stages}
        with StageSequence(run.context, run.config, outputs=before) as sequence:
            embed(sequence, model)
        outputs = {ran.stage: ran.output for ran in sequence.done if ran.output is not None}
        return run.commit(
            Embedded,
            sequence.done,
            outputs,
            run.base.status if sequence.done[-1].complete else "partial",
            parent=run.base.run_id,
            stands=run.base.run_id if outputs and outputs.items() <= stages.items() else None,
            model=model.name,
        )


def embed(sequence: StageSequence, model: ModelInUse) -> None:
    """The stage in a sequence; says how many texts were encoded for it."""
    output = sequence.stage(EMBED, EmbedParams(model=model))
    progress = services_of(sequence.run).progress(EMBED.name).snapshot()
    encoded = 0 if sequence.done[-1].cached else progress.worked
    n = output.counts.n_out
    say(f"  {encoded:,} of {n:,} APIs were encoded by {model.name}; the vectors of all others stand")


@flow(name="build-vectors", flow_run_name="vectors", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def build_vectors(
    run: Undescribed[RunContext],
    config: Undescribed[Config],
    catalogue: Mapping[str, StageOutput],
    model: ModelInUse,
) -> list[StageRun]:
    """Encodes what a refresh has changed of the catalogue."""
    with StageSequence(run, config, outputs=catalogue) as sequence:
        embed(sequence, model)
    return sequence.done


def keep_vectors(run: OpenRun, catalogue: Mapping[str, StageOutput]) -> list[StageRun]:
    """Of a data folder that has vectors, as part of a refresh; of another none.

    Where the model cannot be used here, they are left behind, which is told and ends no refresh: searches
    need none, and who looks for APIs is told again.
    """
    if run.base is None or EMBED.name not in run.base.stages:
        return []
    try:
        model = require_model(run.config.retriever, run.context.data)
    except UsageError as error:
        say(f"  vectors are left behind, as they were before this refresh: {error.message} ({error.fix})")
        return []
    return build_vectors(run.context, run.config, catalogue, model)


def require_model(params: RetrieverParams, data: Path) -> ModelInUse:
    """Raises `UsageError` where BM25 is in use, which has no vectors."""
    model = model_in_use(params, data)
    if model is None:
        none = "no model was trained in this data folder" if params.model == NEWEST else "BM25 is in use"
        raise UsageError(
            f"there is nothing to encode APIs with: {none}",
            fix="train one with `toolloom retriever train`, or name one: "
            "`--set retriever.model=package:NAME`, or endpoint (docs/retrieval.md)",
        )
    return model


def model_if_usable(params: RetrieverParams, data: Path) -> ModelInUse | None:
    """The model in use; BM25 takes the place of one that nobody named and that cannot be used here, told."""
    if params.model == BM25:
        return None
    try:
        return model_in_use(params, data)
    except UsageError as error:
        if params.model != NEWEST:
            raise
        say(f"  BM25 alone: {error.message} ({error.fix})")
        return None


def run_with_catalogue(data: Path) -> Manifest:
    """The snapshot shown, with its catalogue.  Raises `UsageError`."""
    shown = manifest.newest(data)
    if shown is None or "crawl" not in shown.stages:
        raise UsageError(
            f"{data} holds no catalogue to encode",
            fix="run `toolloom refresh`, or name another folder with --data",
        )
    read = [shown.stages[stage] for stage in ("crawl", "compress") if stage in shown.stages]
    if not all(usable(Store(data), output) for output in read):
        raise UsageError(
            f"files of run {shown.run_id} are gone or damaged",
            fix="run `toolloom refresh`, which makes them anew",
        )
    return shown
