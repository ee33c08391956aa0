"""Select: which candidates become instructions.  A barrier: duplicates and quotas concern them all."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.errors import BrokenContract
from tasks.exact_json import digest_of
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Stage
from tasks.instructions.benchmark import read_benchmark
from tasks.instructions.fitting import fit_candidates
from tasks.instructions.names import ApiFacts, facts_of
from tasks.instructions.params import InstructParams
from tasks.instructions.select import Selection
from tasks.instructions.verify import PROMPTS
from tasks.verify import Judging
from warehouse.ref import Counts, ShardOutput, StageOutput
from warehouse.store import Store
from warehouse.tables import (
    APIS,
    CANDIDATES,
    DOCUMENTS,
    INSTRUCTIONS,
    LLM_CALLS,
    REJECTS,
    SAMPLES,
    TOOLS,
    VERIFICATIONS,
)

VERSION = 3


def select(
    services: Services,
    params: InstructParams,
    crawled: StageOutput,
    compressed: StageOutput,
    sampled: StageOutput,
    proposed: StageOutput,
    so_far: StageOutput | None = None,
    before: StageOutput | None = None,
) -> Sequence[ShardOutput]:
    """so_far: the selection before the last round of draws; what it had judged is not judged again.

    before: the selection of the run before.  What it took and is still fit is taken again, whatever else has
    changed, so that its annotations stay.  It is no part of the key: with the same candidates as in any
    earlier run, that run's selection is as good.
    """
    store = services.store
    candidates = store.read(CANDIDATES, proposed.tables[CANDIDATES.name])
    samples = store.read(SAMPLES, sampled.tables[SAMPLES.name])
    apis = store.read(APIS, crawled.tables[APIS.name])
    facts = facts_of(store.read(TOOLS, crawled.tables[TOOLS.name]), apis)
    kept = _still_true(store, before, facts)
    selection = Selection(fit_candidates(candidates, samples, facts, params, kept), params, kept)
    documents = compressed.tables[DOCUMENTS.name]
    shown = {row.api_id: row.document for row in services.rows(DOCUMENTS, documents)} if params.verify else {}
    judging = Judging(services, params, documents, shown, so_far)
    while (unjudged := selection.to_judge(judging.verdicts)) and not judging.stopped:
        judging.judge(unjudged)
    selected = selection.selected(judging.verdicts)
    counts = Counts(
        unit=STAGE.unit,
        n_in=len(candidates),
        n_out=len(selected.instructions),
        n_rejected=len(selected.rejects),
        n_pending=selected.n_pending,
    )
    tables: TableRows = {
        INSTRUCTIONS: selected.instructions,
        VERIFICATIONS: [],
        REJECTS: selected.rejects,
        LLM_CALLS: [],
    }
    return [write_shard(store, tables, counts), *judging.outputs]


def _still_true(store: Store, before: StageOutput | None, facts: ApiFacts) -> frozenset[str]:
    """Ids of the instructions of the run before whose APIs are what they were, distractors aside.

    There are none when their file is gone, or of another version: then all are chosen anew.
    """
    if before is None:
        return frozenset()
    try:
        rows = store.read(INSTRUCTIONS, before.tables[INSTRUCTIONS.name])
    except BrokenContract:
        return frozenset()
    return frozenset(
        row.instruction_id
        for row in rows
        if all(
            facts.fingerprints.get(api_id) == fingerprint or api_id in (row.distractors or ())
            for api_id, fingerprint in zip(row.api_ids, row.api_fingerprints, strict=True)
        )
    )


STAGE = Stage(
    name="select",
    version=VERSION,
    unit="instruction",
    section="instruct",
    reads={
        "crawl": (TOOLS, APIS),
        "compress": (DOCUMENTS,),
        "sample": (SAMPLES,),
        "propose": (CANDIDATES,),
    },
    reads_before=(INSTRUCTIONS,),
    writes=(INSTRUCTIONS, VERIFICATIONS, REJECTS, LLM_CALLS),
    prompts=PROMPTS,
    uses_seeds=True,
    asks_model="verify",
    contents=lambda params: sorted(digest_of(read_benchmark(file)) for file in params.decontaminate),
    whole=select,
)
