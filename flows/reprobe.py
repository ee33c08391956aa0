"""Calling the APIs of the catalogue again, without a crawl: which of them still work, which are back."""

from __future__ import annotations

import time
from pathlib import Path

from prefect import flow

from flows.build_catalogue import say_what_is_unused
from flows.cockpit import publish
from flows.dead_runs import sole_run
from flows.opening import config_digest, open_run
from flows.outcome import Reprobed
from flows.params import DEFAULT_DATA, Config
from flows.report import announce, reprobe_summary, say
from flows.stages import raise_stop, run_stage, shard_runner
from flows.world import open_world
from tasks.commit import commit
from tasks.errors import UsageError
from tasks.probe import probe
from tasks.probing.earlier import Again
from tasks.run import RunContext
from tasks.services import services_of
from tasks.stage import usable
from warehouse import manifest
from warehouse.files import remove_leftovers
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import PROBES, VERDICTS

KIND = "probe"


@flow(name="probe-catalogue", flow_run_name="probe-{config.name}", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def probe_catalogue(config: Config, data: Path = DEFAULT_DATA, again: Again = Again.ALL) -> Reprobed:
    """Probes the catalogue of the last run; its other tables stay as they are.

    Verdicts of APIs that are tried again are replaced, the history of probes grows.  When the probing has to
    stop, nothing is committed, the `StopRun` is raised, and the same command goes on from there.
    """
    begun = time.monotonic()
    with sole_run(data, config.command("probe")), open_world(config, data) as reachable:
        remove_leftovers(data)
        parent = probed_run(data)
        with open_run(
            reachable,
            data,
            kind=f"{KIND} {again}",
            looks_at=[probe.name],
            asks_model=reachable.probe.model_arguments,
        ) as run:
            say_what_is_unused(run, reachable, parent.stages["crawl"])
            stage_run = run_stage(
                probe,
                run,
                params=reachable.probe,
                crawled=parent.stages["crawl"],
                before=parent.stages["probe"],
                again=again,
            )
            announce(stage_run)
            raise_stop([stage_run])
            assert stage_run.output is not None, "a stage that did not stop has an output"
            reprobed = _commit(run, parent, config_digest(config), stage_run.output, begun)
    say(reprobe_summary(reprobed))
    if reprobed.run_id is not None:
        publish(config, data, reprobed.run_id)
    return reprobed


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


def _commit(run: RunContext, parent: Manifest, digest: str, output: StageOutput, begun: float) -> Reprobed:
    store = services_of(run).store
    probed = set(store.select(output.tables[PROBES.name], "api_id"))
    before, after = _kept(store, parent.stages[output.stage]), _kept(store, output)
    run_id = None
    if probed:
        run_id = commit(run, parent.status, digest, {output.stage: output}, parent.run_id, KIND)
    manifest.finish(run.data)
    return Reprobed(
        run_id=run_id,
        data=run.data,
        n_apis=output.counts.n_in,
        n_probed=len(probed),
        n_back=len(after - before),
        n_lost=len(before - after),
        n_task_runs=1 + output.n_shard_tasks + (run_id is not None),
        seconds=time.monotonic() - begun,
    )


def _kept(store: Store, output: StageOutput) -> set[str]:
    return {api_id for api_id, kept in store.select(output.tables[VERDICTS.name], "api_id", "kept") if kept}
