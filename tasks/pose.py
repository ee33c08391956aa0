"""Pose: the queries of ToolBench's files as instructions over the catalogue; no stage of a refresh."""

from __future__ import annotations

from pathlib import Path

from prefect import task

from tasks.catalogue.toolbench.instructions import STAGE as NAME
from tasks.catalogue.toolbench.instructions import read_instructions
from tasks.catalogue.toolbench.layout import find_layout
from tasks.catalogue.toolbench.reading import contents_digest
from tasks.policies import stage_options
from tasks.run import RunContext
from tasks.services import services_of
from tasks.stage import Stage, TableRows, finish_stage, stage_key, write_shard
from warehouse.ref import Counts, StageOutput
from warehouse.tables import APIS, INSTRUCTIONS, REJECTS, TOOLS

VERSION = 1
STAGE = Stage(
    name=NAME,
    version=VERSION,
    unit="instruction",
    reads={"crawl": (TOOLS, APIS)},
    writes=(INSTRUCTIONS, REJECTS),
)


def _key(run: RunContext, queries: Path, crawled: StageOutput) -> str:  # noqa: ARG001
    files = find_layout(queries).queries
    return stage_key(NAME, VERSION, contents_digest(files), crawled.digests(TOOLS.name, APIS.name))


@task(name=NAME, task_run_name=NAME, tags=[NAME], **stage_options(_key))
def pose(run: RunContext, queries: Path, crawled: StageOutput) -> StageOutput:
    """queries: a file or folder of query files."""
    services = services_of(run)
    posed = read_instructions(
        find_layout(queries).queries,
        services.rows(APIS, crawled.tables[APIS.name]),
        services.rows(TOOLS, crawled.tables[TOOLS.name]),
    )
    counts = Counts(
        unit=STAGE.unit, n_in=posed.n_queries, n_out=len(posed.instructions), n_rejected=posed.n_refused
    )
    rows: TableRows = {INSTRUCTIONS: list(posed.instructions.values()), REJECTS: posed.rejects}
    output = write_shard(services.store, rows, counts)
    return finish_stage(STAGE, services.store, [output], n_shard_tasks=0)
