"""How a retriever is trained and used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity import OnceSet, OnlyInKeyOf
from tasks.llm.params import EmbeddingParams

Fusion = Literal["scores", "ranks"]
BM25, NEWEST, ENDPOINT = "bm25", "newest", "endpoint"


class RetrieverParams(BaseModel):
    """`[retriever]`: what finds APIs by what they say of themselves, and how it is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[str, OnlyInKeyOf()] = Field(
        NEWEST,
        min_length=1,
        description="What finds APIs, mixed with BM25: `newest`, the one trained last in the data folder "
        "(BM25 alone where there is none); the digest of one trained there; a folder, a name or "
        "`package:NAME` of sentence-transformers, untrained; `endpoint`; or `bm25`, which needs no vectors.",
    )
    endpoint: Annotated[EmbeddingParams | None, OnlyInKeyOf(), OnceSet()] = Field(
        None,
        description="What makes vectors where `model` is `endpoint`: its base_url and model, and all else "
        "that [llm] may say; `dimensions` and `texts_per_request` of its own.",
    )
    base: Annotated[str, OnlyInKeyOf("train_retriever")] = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        description="The model that training begins with: a folder or a name of sentence-transformers, which "
        "is downloaded, or `package:NAME`, an installed package that holds one.",
    )
    epochs: Annotated[int, OnlyInKeyOf("train_retriever")] = Field(
        3,
        ge=1,
        le=100,
        description="How often all pairs are gone through; the best epoch stays.",
    )
    batch_size: Annotated[int, OnlyInKeyOf("train_retriever")] = Field(
        32,
        ge=2,
        description="Pairs of an instruction and an API in a batch; each API is a negative for the others.",
    )
    learning_rate: Annotated[float, OnlyInKeyOf("train_retriever")] = Field(
        1e-4, gt=0, lt=1, description="After a tenth of the steps, and from there down to nothing."
    )
    max_tokens: Annotated[int, OnlyInKeyOf("train_retriever")] = Field(
        96, ge=16, le=8192, description="Longer instructions and documents are cut."
    )
    dimensions: Annotated[tuple[int, ...], OnlyInKeyOf("train_retriever")] = Field(
        (384, 256, 128, 64),
        min_length=1,
        description="At each of them the beginning of a vector is trained to do as the whole (Matryoshka).",
    )
    held_back: Annotated[float, OnlyInKeyOf("train_retriever")] = Field(
        0.15, gt=0, lt=1, description="Share of the training queries that choose the epoch."
    )
    negatives: Annotated[int, OnlyInKeyOf("train_retriever")] = Field(
        0,
        ge=0,
        le=20,
        description="Wrong APIs that BM25 ranks high, added to each pair; kept only where they do better on "
        "the queries that are held back.",
    )
    seed: Annotated[int, OnlyInKeyOf("train_retriever")] = Field(0, ge=0, description="Of the order.")
    mix: Annotated[float, OnlyInKeyOf("rank")] = Field(
        0.7, ge=0, le=1, description="Weight of the model in the sum with BM25."
    )
    fusion: Annotated[Fusion, OnlyInKeyOf("rank")] = Field(
        "scores",
        description="What of both is summed: scores, in standard deviations, or reciprocal ranks.",
    )
