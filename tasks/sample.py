"""Sample: sets of APIs that instructions are written for.  A barrier: it sees the whole catalogue."""

from __future__ import annotations

from prefect import task

from tasks.policies import stage_options
from tasks.run import RunContext
from tasks.sampling.coverage import forced_draws, wanted_apis
from tasks.sampling.draw import Drawn, draw_samples
from tasks.sampling.params import SampleParams
from tasks.services import services_of
from tasks.stage import Stage, added, finish_stage, write_shard
from warehouse.ref import Counts, StageOutput
from warehouse.store import Store
from warehouse.tables import DOCUMENTS, INSTRUCTIONS, REJECTS, SAMPLES, TOOLS
from warehouse.tables.instructions import Instruction

VERSION = 2
STAGE = Stage(
    name="sample",
    version=VERSION,
    unit="draw",
    reads={"crawl": (TOOLS,), "compress": (DOCUMENTS,)},
    again={"so_far": (SAMPLES,), "selected": (INSTRUCTIONS,)},
    writes=(SAMPLES, REJECTS),
    arguments=("round_no", "accepted"),
)


@task(name=STAGE.name, task_run_name=STAGE.name, tags=[STAGE.name], **stage_options(STAGE.key))
def sample(
    run: RunContext,
    params: SampleParams,
    crawled: StageOutput,
    compressed: StageOutput,
    round_no: int = 0,
    accepted: int | None = None,
    so_far: StageOutput | None = None,
    selected: StageOutput | None = None,
) -> StageOutput:
    """Round 0 draws from everything.  A later one adds draws to those `so_far`: for the APIs that none of
    the instructions `selected` needs, and for as many instructions as are wanting to `accepted`.
    """
    store = services_of(run).store
    tools = store.read(TOOLS, crawled.tables[TOOLS.name])
    kept = [document.api_id for document in store.read(DOCUMENTS, compressed.tables[DOCUMENTS.name])]
    if so_far is None or selected is None:
        return _written(store, draw_samples(tools, kept, params))
    samples = store.read(SAMPLES, so_far.tables[SAMPLES.name])
    instructions: list[Instruction] = store.read(INSTRUCTIONS, selected.tables[INSTRUCTIONS.name])
    wanted = wanted_apis(kept, samples, instructions, accepted=accepted, round_no=round_no, params=params)
    drawn = forced_draws(tools, kept, wanted, samples, round_no=round_no, params=params)
    return added(store, so_far, _written(store, drawn)) if drawn.n_draws else so_far


def _written(store: Store, drawn: Drawn) -> StageOutput:
    counts = Counts(
        unit=STAGE.unit, n_in=drawn.n_draws, n_out=len(drawn.samples), n_rejected=len(drawn.rejects)
    )
    output = write_shard(store, {SAMPLES: drawn.samples, REJECTS: drawn.rejects}, counts)
    return finish_stage(STAGE, store, [output], n_shard_tasks=0)
