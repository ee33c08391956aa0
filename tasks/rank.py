"""Rank: where retrievers have the APIs that each instruction needs, among all kept ones."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from tasks.exporting.searches import level_of_instruction
from tasks.frame.running import write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Stage
from tasks.retrieval.documents import documents_of
from tasks.retrieval.lexical import Lexical
from tasks.retrieval.ranking import Retriever, ranked
from warehouse.ref import Counts, ShardOutput, StageOutput
from warehouse.tables import APIS, DOCUMENTS, INSTRUCTIONS, REJECTS, RETRIEVAL_RANKS, TOOLS
from warehouse.tables.accounts import Reject
from warehouse.tables.instructions import Instruction

VERSION = 1


class RankParams(BaseModel):
    """held_out: the share of the training split's instructions that is measured apart from it."""

    model_config = ConfigDict(frozen=True)

    held_out: float


def rank(
    services: Services,
    params: RankParams,
    crawled: StageOutput,
    compressed: StageOutput | None,
    selected: StageOutput,
) -> Sequence[ShardOutput]:
    """compressed: what it documents are the kept APIs; None: all that query files came with."""
    store = services.store
    tools = store.read(TOOLS, crawled.tables[TOOLS.name])
    apis = store.read(APIS, crawled.tables[APIS.name])
    kept = {api.api_id for api in apis}
    if compressed is not None:
        kept &= {api_id for (api_id,) in store.select(compressed.tables[DOCUMENTS.name], "api_id")}
    documents = documents_of(tools, apis, kept)
    instructions = store.read(INSTRUCTIONS, selected.tables[INSTRUCTIONS.name])
    there, rejects = [], []
    for row in instructions:
        gone = sorted({needed.api_id for needed in row.relevant_apis} - kept)
        if row.relevant_apis and not gone:
            there.append(row)
            continue
        reason, detail = "no_relevant_api", "it does not say which APIs it needs"
        if gone:
            reason, detail = "api_gone", f"needs {', '.join(gone)}, not kept or not in the catalogue"
        rejects.append(Reject(stage=STAGE.name, row_id=row.instruction_id, reason=reason, detail=detail))

    def level(row: Instruction) -> str:
        return level_of_instruction(row, params.held_out)

    retrievers: list[Retriever] = [Lexical(documents)]
    rows = [row for retriever in retrievers for row in ranked(retriever, documents, there, level)]
    counts = Counts(unit=STAGE.unit, n_in=len(instructions), n_out=len(there), n_rejected=len(rejects))
    return [write_shard(store, {RETRIEVAL_RANKS: rows, REJECTS: rejects}, counts)]


STAGE = Stage(
    name="rank",
    version=VERSION,
    unit="instruction",
    reads={"crawl": (TOOLS, APIS), "compress": (DOCUMENTS,), "select": (INSTRUCTIONS,)},
    writes=(RETRIEVAL_RANKS, REJECTS),
    whole=rank,
)
