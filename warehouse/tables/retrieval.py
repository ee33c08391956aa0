"""Vectors of APIs, and how well retrievers find the APIs that instructions need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse.table import Float32, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """What a model makes of the text that an API says of itself: a vector of length 1.

    model: the digest of the model; document: the digest of the text.  While both stay, so does the vector.
    run_id: the run that encoded the text.
    """

    api_id: str
    model: str
    document: str
    vector: tuple[Float32, ...]
    run_id: str


EMBEDDINGS = Table(
    name="embeddings",
    row_type=Embedding,
    grain="a kept API",
    key=("api_id",),
    volatile=frozenset({"run_id"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalRank:
    """Where a retriever has the APIs that an instruction needs, among all kept ones.

    retriever: bm25, or what the model is called.  level: train, or what is held out: test_instruction,
    test_tool, test_category.  n_apis: how many it ranked.  names_tool: the instruction says the name of a
    tool that it needs.  ranks: of the APIs needed, from 1, ascending; twin_ranks: likewise where APIs that
    say the same of themselves stand for each other and count once.  top: the first ten.
    """

    retriever: str
    instruction_id: str
    scenario: str
    level: str
    n_apis: int
    names_tool: bool
    ranks: tuple[int, ...]
    twin_ranks: tuple[int, ...]
    top: tuple[str, ...]


RETRIEVAL_RANKS = Table(
    name="retrieval_ranks",
    row_type=RetrievalRank,
    grain="an instruction and a retriever",
    key=("retriever", "instruction_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The model that finds APIs, in `<data>/models/<model_digest>/`; where none was trained there is none.

    base, base_digest: what training began with, as it was named and by its files.  data_digest: of all that
    it learnt from.  n_queries, n_pairs: that it was trained on; n_held_back: queries that chose the epoch;
    n_documents: APIs that it may learn to find.  negatives: wrong APIs that were added to each pair.  epochs:
    NDCG@5 on the queries held back, the untrained model's first.  dimension: of its vectors; max_tokens:
    longer texts are cut.
    """

    model_digest: str
    base: str
    base_digest: str
    data_digest: str
    n_queries: int
    n_pairs: int
    n_held_back: int
    n_documents: int
    negatives: int
    epochs: tuple[float, ...]
    best_epoch: int
    dimension: int
    max_tokens: int
    licence: str | None
    made_at: datetime
    seconds: float


MODELS = Table(
    name="models",
    row_type=Model,
    grain="the model that finds APIs",
    key=("model_digest",),
    volatile=frozenset({"made_at", "seconds"}),
)
