"""Retrieval by vectors: exact, by one matrix product, alone or mixed with BM25."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tasks.retrieval.ranking import Retriever, Scores


class Encoder(Protocol):
    """Texts as vectors of length 1, so that their product is the cosine."""

    def encode(self, texts: Sequence[str]) -> Scores:
        """A row a text."""
        ...


@dataclass(frozen=True)
class Dense:
    """vectors: of the documents, a row each."""

    name: str
    vectors: Scores
    encoder: Encoder

    def scores(self, queries: Sequence[str]) -> Scores:
        found: Scores = self.encoder.encode(queries) @ self.vectors.T
        return found


@dataclass(frozen=True)
class Mixed:
    """The sum of what two retrievers say, each in standard deviations above its mean over the documents.

    weight: of the second, from 0 to 1.  Scores instead of ranks are added, since the distance to the next
    document says how sure a retriever is.
    """

    first: Retriever
    second: Retriever
    weight: float

    @property
    def name(self) -> str:
        return f"{self.first.name}+{self.second.name}"

    def scores(self, queries: Sequence[str]) -> Scores:
        first, second = (_standardised(each.scores(queries)) for each in (self.first, self.second))
        return np.asarray((1 - self.weight) * first + self.weight * second, dtype=np.float32)


def _standardised(scores: Scores) -> Scores:
    """Each row with mean 0 and deviation 1; one whose documents all score the same says nothing: zeros."""
    spread = scores.std(axis=1, keepdims=True)
    centred = scores - scores.mean(axis=1, keepdims=True)
    standardised: Scores = np.zeros_like(centred)
    np.divide(centred, spread, out=standardised, where=spread > 0)
    return standardised
