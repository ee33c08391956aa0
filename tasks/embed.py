"""Embed: a vector of every kept API, for the retriever in use."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.errors import BrokenContract
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage
from tasks.retrieval.documents import ApiDocument, documents_of
from tasks.retrieval.in_use import ModelInUse
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import APIS, DOCUMENTS, EMBEDDINGS, LLM_CALLS, REJECTS, TOOLS
from warehouse.tables.accounts import Reject
from warehouse.tables.retrieval import Embedding

VERSION = 1


class EmbedParams(BaseModel):
    """model: of the vectors."""

    model_config = ConfigDict(frozen=True)

    model: ModelInUse


def split(
    services: Services,
    params: EmbedParams,
    crawled: StageOutput,
    compressed: StageOutput | None,
    before: StageOutput | None = None,
) -> Split:
    """Shards are those of the crawl.  compressed: what it documents are the kept APIs; None: all of them.

    before: the stage's output in the run before; the vector of a text that has not changed is taken from it.
    """
    tools, apis = crawled.shards[TOOLS.name], crawled.shards[APIS.name]
    kept = [None] * len(apis) if compressed is None else compressed.shards[DOCUMENTS.name]
    earlier = () if before is None else before.tables[EMBEDDINGS.name]
    key_of = STAGE.shard_keys(services.run, params)
    shards = [
        Shard(
            key_of([None if ref is None else ref.content_digest for ref in refs]),
            {"tools": refs[0], "apis": refs[1], "documents": refs[2], "before": earlier},
        )
        for refs in zip(tools, apis, kept, strict=True)
    ]
    return Split(shards, total=crawled.counts.n_out if compressed is None else compressed.counts.n_out)


def work(
    services: Services,
    params: EmbedParams,
    shard: int,
    tools: TableRef,
    apis: TableRef,
    documents: TableRef | None,
    before: tuple[TableRef, ...],
) -> ShardOutput:
    store, model = services.store, params.model
    read = store.read(APIS, [apis])
    kept = {api.api_id for api in read}
    if documents is not None:
        kept &= {api_id for (api_id,) in store.select([documents], "api_id")}
    texts = documents_of(store.read(TOOLS, [tools]), read, kept) if kept else []
    progress = services.progress(STAGE.name).shard(shard)
    progress.take_up(len(texts))
    earlier = _earlier(services, before, texts, model)
    vectors = _encoded(services, model, texts, earlier)
    progress.carry(sum(each.digest in earlier for each in texts))
    rows, rejects = [], []
    for each in texts:
        vector, run_id = vectors[each.digest]
        if any(vector):
            rows.append(
                Embedding(
                    api_id=each.api_id,
                    model=model.digest,
                    document=each.digest,
                    vector=vector,
                    run_id=run_id,
                )
            )
        else:
            detail = f"the model {model.name} makes no vector of what it says of itself"
            rejects.append(Reject(stage=STAGE.name, row_id=each.api_id, reason="no_vector", detail=detail))
    progress.finish(len(texts), rejected=len(rejects))
    counts = Counts(unit=STAGE.unit, n_in=len(texts), n_out=len(rows), n_rejected=len(rejects))
    calls = services.model.usage.take_all(STAGE.name)
    written: TableRows = {EMBEDDINGS: rows, REJECTS: rejects, LLM_CALLS: calls}
    return write_shard(store, written, counts)


Known = dict[str, tuple[tuple[Any, ...], str]]
"""By the digest of a text, its vector and the run that encoded it."""


def _earlier(
    services: Services, before: tuple[TableRef, ...], texts: list[ApiDocument], model: ModelInUse
) -> Known:
    """What there is of it: a file that is gone or of another version is no loss, vectors are made anew."""
    columns, wanted = ("model", "document", "vector", "run_id"), {each.digest for each in texts}
    try:
        found = services.store.select(before, *columns, among=("document", wanted)) if wanted else []
    except BrokenContract:
        return {}
    return {document: (tuple(vector), run) for by, document, vector, run in found if by == model.digest}


def _encoded(services: Services, model: ModelInUse, texts: list[ApiDocument], earlier: Known) -> Known:
    """Those of before, and of each further text a new one.

    A model that now makes longer or shorter vectors than before makes all of them anew.
    """
    missing = {each.digest: each.text for each in texts if each.digest not in earlier}
    if not missing:
        return earlier
    made = services.encoder(model).encode(list(missing.values()))
    if any(len(vector) != made.shape[1] for vector, _ in earlier.values()):
        return _encoded(services, model, texts, {})
    rows = np.ascontiguousarray(made).tolist()
    new = {digest: (tuple(row), services.run.run_id) for digest, row in zip(missing, rows, strict=True)}
    return {**earlier, **new}


STAGE = Stage(
    name="embed",
    version=VERSION,
    unit="API",
    reads={"crawl": (TOOLS, APIS), "compress": (DOCUMENTS,)},
    reads_before=(EMBEDDINGS,),
    writes=(EMBEDDINGS, REJECTS, LLM_CALLS),
    split=split,
    work=work,
)
