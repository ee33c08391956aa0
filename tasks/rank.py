"""Rank: where retrievers have the APIs that each instruction needs, among all kept ones."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from tasks.exporting.searches import level_of_instruction
from tasks.frame.running import write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Stage
from tasks.llm.embeddings import STAGE as EMBED
from tasks.retrieval.dense import Dense
from tasks.retrieval.documents import ApiDocument, kept_documents, refused
from tasks.retrieval.in_use import ModelInUse, retrievers_over, vectors_of
from tasks.retrieval.params import Fusion
from tasks.retrieval.ranking import ranked
from warehouse.ref import Counts, ShardOutput, StageOutput
from warehouse.tables import (
    APIS,
    DOCUMENTS,
    EMBEDDINGS,
    INSTRUCTIONS,
    LLM_CALLS,
    REJECTS,
    RETRIEVAL_RANKS,
    TOOLS,
)
from warehouse.tables.instructions import Instruction

VERSION = 4


class RankParams(BaseModel):
    """held_out: the share of the training split's instructions that is measured apart from it.

    model: whose vectors there are; None: BM25 is measured alone.  mix, fusion: of both.
    """

    model_config = ConfigDict(frozen=True)

    held_out: float
    model: ModelInUse | None = None
    mix: float = 0.0
    fusion: Fusion = "scores"


def rank(
    services: Services,
    params: RankParams,
    crawled: StageOutput,
    compressed: StageOutput | None,
    selected: StageOutput,
    embedded: StageOutput | None = None,
) -> Sequence[ShardOutput]:
    """compressed: what it documents are the kept APIs; None: all that query files came with.

    embedded: the vectors of the model, if one is measured.
    """
    store = services.store
    shown = None if compressed is None else compressed.tables[DOCUMENTS.name]
    documents = kept_documents(store, crawled.tables[TOOLS.name], crawled.tables[APIS.name], shown)
    kept = {document.api_id for document in documents}
    instructions = store.read(INSTRUCTIONS, selected.tables[INSTRUCTIONS.name])
    there, rejects = [], []
    for row in instructions:
        reject = refused(row, kept, STAGE.name)
        if reject is None:
            there.append(row)
        else:
            rejects.append(reject)

    def level(row: Instruction) -> str:
        return level_of_instruction(row, params.held_out)

    dense = None
    if params.model is not None and embedded is not None:
        dense = dense_of(services, params.model, embedded, documents)
    retrievers = retrievers_over(documents, params, dense)
    rows = [row for retriever in retrievers for row in ranked(retriever, documents, there, level)]
    counts = Counts(unit=STAGE.unit, n_in=len(instructions), n_out=len(there), n_rejected=len(rejects))
    calls = services.model.usage.take_all(EMBED)
    return [write_shard(store, {RETRIEVAL_RANKS: rows, REJECTS: rejects, LLM_CALLS: calls}, counts)]


def dense_of(
    services: Services, model: ModelInUse, embedded: StageOutput, documents: Sequence[ApiDocument]
) -> Dense:
    """Raises `UsageError` where APIs have no vector of the model."""
    rows = services.store.arrow(EMBEDDINGS, embedded.tables[EMBEDDINGS.name])
    without = {row for (row,) in services.store.select(embedded.tables[REJECTS.name], "row_id")}
    return Dense(model.name, vectors_of(rows, documents, model, without), services.encoder(model))


STAGE = Stage(
    name="rank",
    version=VERSION,
    unit="instruction",
    reads={
        "crawl": (TOOLS, APIS),
        "compress": (DOCUMENTS,),
        "select": (INSTRUCTIONS,),
        "embed": (EMBEDDINGS, REJECTS),
    },
    writes=(RETRIEVAL_RANKS, REJECTS, LLM_CALLS),
    whole=rank,
)
