"""The whole refresh: catalogue, instructions, annotations, then one commit."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import deployment
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.build_annotations import build_annotations
from flows.build_catalogue import build_catalogue
from flows.build_instructions import build_instructions
from flows.cockpit import publish_refresh
from flows.dead_runs import sole_run
from flows.deployment import STARTED_IN, check_parameters
from flows.estimates import Forecast, keep, taken
from flows.exports import exported_line
from flows.opening import config_digest, open_run, spent_in
from flows.outcome import Refreshed, Spent, StageRun
from flows.params import DEFAULT_DATA, Config
from flows.plan import forecast, forecast_after_catalogue
from flows.plan_text import estimate_line
from flows.report import markdown, say, summary
from flows.stages import STAGES, for_batches, raise_stop
from flows.world import open_world
from tasks.commit import Status, commit, parent_of, refreshed_below
from tasks.export import export
from tasks.exporting.params import RefreshExports
from tasks.planning.estimate import Estimate
from tasks.run import RunContext
from tasks.services import services_of
from tasks.stage import is_cached
from warehouse import manifest
from warehouse.connect import lost_files
from warehouse.files import remove_leftovers
from warehouse.ref import StageOutput
from warehouse.seen import Seen


@flow(name="refresh-dataset", flow_run_name="refresh-{config.name}")
def refresh_dataset(config: Config, data: Path = DEFAULT_DATA, until: str | None = None) -> Refreshed:
    """Brings the data set up to date; with `until`, only up to that stage.

    What is finished is committed even when the run has to stop; then the `StopRun` is raised.  A run of a
    deployment executes what the deployment's file says, whatever its parameters say (`flows.deployment`).
    """
    begun = time.monotonic()
    if deployment.id is not None:
        os.chdir(os.environ.get(STARTED_IN, "."))
        check_parameters(config, data)
    with sole_run(data, config.command("refresh")), open_world(config, data) as reachable:
        remove_leftovers(data)
        with open_run(reachable, data, asks_model=reachable.asks_model(until)) as run:
            _tell_of_lost_files(data)
            expected = _expected(forecast(reachable, services_of(run)))
            stage_runs = _run_stages(run, reachable, until, expected)
            if not _outputs(stage_runs):
                raise_stop(stage_runs)
            refreshed = _commit(run, config_digest(config), stage_runs, begun)
            _keep_estimate(run, refreshed, expected)
        create_markdown_artifact(
            key="refresh-report", markdown=markdown(refreshed), description="What the run came to"
        )
        say(summary(refreshed))
        publish_refresh(config, refreshed)
        if refreshed.status == "complete":
            _export(config.export, refreshed)
    raise_stop(stage_runs, refreshed)
    return refreshed


def _tell_of_lost_files(data: Path) -> None:
    latest = manifest.latest(data)
    lost = {} if latest is None else lost_files(data, latest, seen=Seen(data))
    if latest is not None and lost:
        tables = ", ".join(sorted({ref.table for ref in lost}))
        say(
            f"gone, damaged or of others: {len(lost):,} of the files of run {latest.run_id} ({tables}); what "
            "stages write is made anew, rows of earlier runs that only those files held are lost"
        )


def _export(wanted: RefreshExports, refreshed: Refreshed) -> None:
    for format_ in wanted.formats:
        say(exported_line(export(refreshed.data, refreshed.run_id, format_, wanted.params)))


def _expected(estimate: Estimate | None) -> list[Estimate]:
    """The estimate, told; none while there is no catalogue to make one of."""
    if estimate is None:
        return []
    say(estimate_line(estimate))
    return [estimate]


def _keep_estimate(run: RunContext, refreshed: Refreshed, expected: list[Estimate]) -> None:
    if expected and not refreshed.unchanged:
        took = taken(run, refreshed.stages)
        keep(run.data, Forecast(run_id=refreshed.run_id, expected=expected[0], took=took))


def _run_stages(
    run: RunContext, config: Config, until: str | None, expected: list[Estimate]
) -> list[StageRun]:
    """expected: the estimate, which is added as soon as there is a catalogue to make it of."""
    # The parent's heartbeat covers its subflows; one of their own costs each a second at its end.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        done = for_batches(build_catalogue, config)(run, config, until)
        outputs = _outputs(done)
        if "compress" not in outputs or _ended(done, until):
            return done
        if not expected:
            expected += _expected(forecast_after_catalogue(config, services_of(run), outputs))
        done += for_batches(build_instructions, config)(
            run, config, outputs["crawl"], outputs["compress"], until
        )
        outputs = _outputs(done)
        if "select" not in outputs or _ended(done, until):
            return done
        return done + build_annotations(
            run, config, outputs["crawl"], outputs["compress"], outputs["select"], until
        )


def _outputs(stage_runs: Sequence[StageRun]) -> dict[str, StageOutput]:
    return {ran.stage: ran.output for ran in stage_runs if ran.output is not None}


def _ended(stage_runs: Sequence[StageRun], until: str | None) -> bool:
    return stage_runs[-1].stop is not None or stage_runs[-1].stage == until


def _commit(run: RunContext, digest: str, stage_runs: list[StageRun], begun: float) -> Refreshed:
    outputs = _outputs(stage_runs)
    status: Status = "complete" if _is_complete(stage_runs) else "partial"
    run_id, unchanged = _committed(run, status, digest, outputs)
    manifest.finish(run.data)
    return Refreshed(
        run_id=run_id,
        status=status,
        unchanged=unchanged,
        data=run.data,
        stages=tuple(stage_runs),
        spent=Spent() if unchanged else spent_in(run, run_id),
        seconds=time.monotonic() - begun,
    )


def _is_complete(stage_runs: Sequence[StageRun]) -> bool:
    return set(_outputs(stage_runs)) == set(STAGES) and stage_runs[-1].stop is None


def _committed(
    run: RunContext, status: Status, digest: str, outputs: dict[str, StageOutput]
) -> tuple[str, bool]:
    """The run that holds the outputs, and whether it was there before.

    One that asked something is committed in any case, were it only what the endpoint can do.
    """
    latest = manifest.latest(run.data)
    is_new = latest is not None and latest.run_id != run.run_id  # else it died just after its commit
    has_asked = is_new and bool(services_of(run).spending.calls())
    is_whole = latest is not None and not lost_files(run.data, latest, seen=Seen(run.data))
    stands = not has_asked and latest is not None and is_whole and outputs.items() <= latest.stages.items()
    if latest is not None and stands and (status == "partial" or refreshed_below(run.data, latest, digest)):
        return latest.run_id, True
    arguments: dict[str, Any] = {
        "run": run,
        "status": status,
        "config_digest": digest,
        "outputs": outputs,
        "parent": latest.run_id
        if latest and (has_asked or not is_whole)
        else parent_of(latest, status, outputs),
    }
    state = commit(**arguments, return_state=True)
    if is_cached(state) and not manifest.exists(run.data, state.result()):
        state = commit.with_options(refresh_cache=True)(**arguments, return_state=True)
    return state.result(), is_cached(state)
