"""Select: which candidates become instructions.  A barrier: duplicates and quotas concern them all."""

from __future__ import annotations

from prefect import task

from tasks.instructions.names import names_of
from tasks.instructions.params import InstructParams
from tasks.instructions.select import select_instructions
from tasks.policies import stage_key, stage_options
from tasks.run import RunContext
from tasks.services import services_of
from tasks.stage import finish_stage, write_shard
from warehouse.ref import Counts, StageOutput
from warehouse.tables import APIS, CANDIDATES, INSTRUCTIONS, REJECTS, SAMPLES, TOOLS

STAGE = "select"
VERSION = 1
READS = (TOOLS, APIS, SAMPLES, CANDIDATES)
WRITES = (INSTRUCTIONS, REJECTS)
UNIT = "instruction"


def _key(
    run: RunContext,  # noqa: ARG001
    params: InstructParams,
    crawled: StageOutput,
    sampled: StageOutput,
    proposed: StageOutput,
) -> str:
    inputs = [
        *crawled.digests(TOOLS.name, APIS.name),
        *sampled.digests(SAMPLES.name),
        *proposed.digests(CANDIDATES.name),
    ]
    return stage_key(
        STAGE, VERSION, params.model_dump(mode="json", include={"min_words", "accepted"}), inputs
    )


@task(name=STAGE, task_run_name=STAGE, tags=[STAGE], **stage_options(_key))
def select(
    run: RunContext,
    params: InstructParams,
    crawled: StageOutput,
    sampled: StageOutput,
    proposed: StageOutput,
) -> StageOutput:
    store = services_of(run).store
    candidates = store.read(CANDIDATES, proposed.tables[CANDIDATES.name])
    samples = store.read(SAMPLES, sampled.tables[SAMPLES.name])
    apis = store.read(APIS, crawled.tables[APIS.name])
    names = names_of(store.read(TOOLS, crawled.tables[TOOLS.name]), apis)
    fingerprints = {api.api_id: api.fingerprint for api in apis}
    selected = select_instructions(candidates, samples, names, fingerprints, params)
    counts = Counts(
        unit=UNIT,
        n_in=len(candidates),
        n_out=len(selected.instructions),
        n_rejected=len(selected.rejects),
    )
    output = write_shard(store, {INSTRUCTIONS: selected.instructions, REJECTS: selected.rejects}, counts)
    return finish_stage(STAGE, store, [output], writes=WRITES, n_shard_tasks=0)
