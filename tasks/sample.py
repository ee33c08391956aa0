"""Sample: sets of APIs that instructions are written for.  A barrier: it sees the whole catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.frame.running import write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Stage
from tasks.sampling.alike import partners_of, with_distractors
from tasks.sampling.coverage import forced_draws, wanted_apis
from tasks.sampling.draw import draw_samples
from tasks.sampling.params import SampleParams
from warehouse.ref import Counts, ShardOutput, StageOutput
from warehouse.tables import DOCUMENTS, INSTRUCTIONS, REJECTS, SAMPLES, TOOLS
from warehouse.tables.instructions import Instruction

VERSION = 2


def sample(
    services: Services,
    params: SampleParams,
    crawled: StageOutput,
    compressed: StageOutput,
    round_no: int = 0,
    accepted: int | None = None,
    so_far: StageOutput | None = None,
    selected: StageOutput | None = None,
) -> Sequence[ShardOutput]:
    """Round 0 draws from everything.  A later one adds draws to those `so_far`: for the APIs that none of
    the instructions `selected` needs, and for as many instructions as are wanting to `accepted`.
    """
    store = services.store
    tools = store.read(TOOLS, crawled.tables[TOOLS.name])
    documents = store.read(DOCUMENTS, compressed.tables[DOCUMENTS.name])
    kept = [document.api_id for document in documents]
    partners = partners_of(documents, tools, params) if params.partners else None
    if so_far is None or selected is None:
        drawn = draw_samples(tools, kept, params, partners)
    else:
        samples = store.read(SAMPLES, so_far.tables[SAMPLES.name])
        needing: list[Instruction] = store.read(INSTRUCTIONS, selected.tables[INSTRUCTIONS.name])
        wanted = wanted_apis(kept, samples, needing, accepted=accepted, round_no=round_no, params=params)
        drawn = forced_draws(
            tools, kept, wanted, samples, round_no=round_no, params=params, partners=partners
        )
        if not drawn.n_draws:
            return []
    taken = drawn.samples
    if params.distractors:
        taken = with_distractors(taken, documents, tools, params.distractors)
    n_out, n_rejected = len(taken), len(drawn.rejects)
    counts = Counts(unit=STAGE.unit, n_in=drawn.n_draws, n_out=n_out, n_rejected=n_rejected)
    return [write_shard(store, {SAMPLES: taken, REJECTS: drawn.rejects}, counts)]


STAGE = Stage(
    name="sample",
    version=VERSION,
    unit="draw",
    section="sample",
    reads={"crawl": (TOOLS,), "compress": (DOCUMENTS,)},
    again={"so_far": (SAMPLES,), "selected": (INSTRUCTIONS,)},
    writes=(SAMPLES, REJECTS),
    arguments=("round_no", "accepted"),
    whole=sample,
    adds=True,
)
