"""Importing without Prefect: the stage's own function, and a manifest over what it wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tasks.calling.params import CallingParams
from tasks.frame.run import RunContext
from tasks.frame.running import finish_stage
from tasks.frame.services import close_services, services_of
from tasks.import_ import STAGE, AnswersIn, take_in
from tasks.keep_searches import merged_imports, stages_of
from tasks.llm.params import LlmParams
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import REJECTS
from warehouse.tables.accounts import Reject

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def imported(data: Path, place: Path, *, run: str = "imported") -> StageOutput:
    """What is imported then, as a run of the data folder."""
    context = RunContext(
        data=data,
        run_id=run,
        started_at=NOON,
        as_of={"crawl": NOON},
        calling=CallingParams(),
        llm=LlmParams(base_url="http://model.test/v1", model="m"),
    )
    try:
        services = services_of(context)
        outputs = take_in(services, AnswersIn(place=place))
        taken_in = finish_stage(STAGE, services.store, outputs, n_shard_tasks=0)
        before = manifest.newest(data)
        stages = {
            **stages_of(before),
            **merged_imports(services.store, stages_of(before), taken_in),
        }
    finally:
        close_services()
    made = Manifest(
        run_id=run,
        kind="import",
        status="complete",
        parent=None if before is None else before.run_id,
        started_at=NOON,
        finished_at=NOON,
        config_digest="",
        as_of={},
        stages=stages,
        tables={
            name: refs
            for name in {name for output in stages.values() for name in output.tables}
            if (refs := tuple(ref for output in stages.values() for ref in output.tables.get(name, ())))
        },
    )
    manifest.commit(data, made)
    found: StageOutput = stages[STAGE.name]
    return found


def rejects(data: Path, output: StageOutput) -> list[Reject]:
    return Store(data).read(REJECTS, output.tables[REJECTS.name])
