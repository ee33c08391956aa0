"""Instructions: draw sets of APIs, have the model write instructions for them, select the good ones."""

from __future__ import annotations

from prefect import flow

from flows.outcome import StageRun
from flows.params import Config
from flows.stages import Line, shard_runner
from tasks.propose import propose
from tasks.run import RunContext
from tasks.sample import sample
from tasks.select import select
from warehouse.ref import StageOutput


@flow(name="build-instructions", flow_run_name="instructions", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def build_instructions(
    run: RunContext,
    config: Config,
    crawled: StageOutput,
    compressed: StageOutput,
    until: str | None = None,
) -> list[StageRun]:
    with Line(run, until) as line:
        sampled = line.stage(sample, params=config.sample, crawled=crawled, compressed=compressed)
        proposed = line.stage(
            propose, params=config.instruct, crawled=crawled, compressed=compressed, sampled=sampled
        )
        line.stage(select, params=config.instruct, crawled=crawled, sampled=sampled, proposed=proposed)
    return line.done
