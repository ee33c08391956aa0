"""Annotations: search a solution path for every selected instruction."""

from __future__ import annotations

from prefect import flow

from flows.fair import budgets_for
from flows.outcome import StageRun
from flows.params import Config
from flows.stages import Line, shard_runner
from tasks.annotate import annotate
from tasks.run import RunContext
from warehouse.ref import StageOutput


@flow(name="build-annotations", flow_run_name="annotations", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def build_annotations(
    run: RunContext,
    config: Config,
    crawled: StageOutput,
    compressed: StageOutput,
    selected: StageOutput,
    until: str | None = None,
) -> list[StageRun]:
    with Line(run, until) as line:
        line.stage(
            annotate,
            params=config.annotate,
            crawled=crawled,
            compressed=compressed,
            selected=selected,
            budgets=budgets_for(run, config.annotate),
        )
    return line.done
