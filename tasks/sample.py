"""Sample: sets of APIs that instructions are written for.  A barrier: it sees the whole catalogue."""

from __future__ import annotations

from prefect import task

from tasks.policies import stage_key, stage_options
from tasks.run import RunContext
from tasks.sampling.draw import draw_samples
from tasks.sampling.params import SampleParams
from tasks.services import services_of
from tasks.stage import finish_stage, write_shard
from warehouse.ref import Counts, StageOutput
from warehouse.tables import DOCUMENTS, REJECTS, SAMPLES, TOOLS

STAGE = "sample"
VERSION = 1
READS = (TOOLS, DOCUMENTS)
WRITES = (SAMPLES, REJECTS)
UNIT = "draw"


def _key(run: RunContext, params: SampleParams, crawled: StageOutput, compressed: StageOutput) -> str:  # noqa: ARG001
    return stage_key(STAGE, VERSION, params, crawled.digests(TOOLS.name), compressed.digests(DOCUMENTS.name))


@task(name=STAGE, task_run_name=STAGE, tags=[STAGE], **stage_options(_key))
def sample(
    run: RunContext, params: SampleParams, crawled: StageOutput, compressed: StageOutput
) -> StageOutput:
    store = services_of(run).store
    tools = store.read(TOOLS, crawled.tables[TOOLS.name])
    documents = store.read(DOCUMENTS, compressed.tables[DOCUMENTS.name])
    drawn = draw_samples(tools, [document.api_id for document in documents], params)
    counts = Counts(unit=UNIT, n_in=drawn.n_draws, n_out=len(drawn.samples), n_rejected=len(drawn.rejects))
    output = write_shard(store, {SAMPLES: drawn.samples, REJECTS: drawn.rejects}, counts)
    return finish_stage(STAGE, store, [output], writes=WRITES, n_shard_tasks=0)
