"""Calling the APIs of the catalogue again, without a crawl: which of them still work, which are back."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import DEFAULT_DATA
from flows.build_dataset import say_what_is_unused
from flows.outcome import Reprobed
from flows.params import Config, Undescribed
from flows.run import run_in
from flows.stages import raise_stop, run_stage, shard_runner
from tasks.errors import UsageError
from tasks.frame.running import usable
from tasks.probe import STAGE as PROBE
from tasks.probing.judge import Again
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import PROBES, VERDICTS

KIND = "probe"


@flow(name="probe-catalogue", flow_run_name="probe-{config.name}", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def probe_catalogue(
    config: Undescribed[Config], data: Path = DEFAULT_DATA, again: Again = Again.ALL
) -> Reprobed:
    """Probes the catalogue of the last run; its other tables stay as they are.

    Verdicts of APIs that are tried again are replaced, the history of probes grows.  When the probing has to
    stop, nothing is committed, the `StopRun` is raised, and the same command goes on from there.
    """
    with run_in(
        data,
        config,
        KIND,
        variant=again,
        base=probed_run,
        looks_at=[PROBE.name],
        asks_model=config.probe.model_arguments,
    ) as run:
        assert run.base is not None, "probed_run gives none but one that is there"
        crawled, before = run.base.stages["crawl"], run.base.stages["probe"]
        say_what_is_unused(run.context, run.config, crawled)
        given = {"crawled": crawled, "before": before, "again": again}
        stage_run = run_stage(PROBE, run.context, run.config.probe, given)
        raise_stop([stage_run])
        assert stage_run.output is not None, "a stage that did not stop has an output"
        probed = set(run.store.select(stage_run.output.tables[PROBES.name], "api_id"))
        kept_before, kept = _kept(run.store, before), _kept(run.store, stage_run.output)
        return run.commit(
            Reprobed,
            [stage_run],
            {PROBE.name: stage_run.output},
            run.base.status,
            parent=run.base.run_id,
            stands=None if probed else run.base.run_id,
            n_apis=stage_run.output.counts.n_in,
            n_probed=len(probed),
            n_back=len(kept - kept_before),
            n_lost=len(kept_before - kept),
        )


def probed_run(data: Path) -> Manifest:
    """The last run, with a catalogue whose files are there.  Raises `UsageError`."""
    parent = manifest.latest(data)
    if parent is None or not {"crawl", "probe"} <= parent.stages.keys():
        raise UsageError(
            f"{data} holds no catalogue that was probed",
            fix="run `toolloom refresh`, or name another folder with --data",
        )
    if not all(usable(Store(data), parent.stages[stage]) for stage in ("crawl", "probe")):
        raise UsageError(
            f"files of the catalogue of run {parent.run_id} are gone or damaged",
            fix="run `toolloom refresh`, which makes them anew",
        )
    return parent


def _kept(store: Store, output: StageOutput) -> set[str]:
    return {api_id for api_id, kept in store.select(output.tables[VERDICTS.name], "api_id", "kept") if kept}
