"""Retrieval by vectors: exact, by one matrix product, alone or mixed with BM25."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np

from tasks.errors import UsageError
from tasks.retrieval.ranking import Retriever, Scores

_RANK = 60
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_WORDS = 4


class Encoder(Protocol):
    """Texts as vectors of length 1, so that their product is the cosine."""

    def encode(self, texts: Sequence[str]) -> Scores:
        """A row a text."""
        ...


@dataclass(frozen=True)
class Dense:
    """The cosine with a query, and of a query of several sentences the mean of that and of the cosine with
    the sentence that is nearest: one vector cannot be near to all that such a query needs.

    vectors: of the documents, a row each.
    """

    name: str
    vectors: Scores
    encoder: Encoder

    def scores(self, queries: Sequence[str]) -> Scores:
        """Raises `UsageError` where the encoder's vectors are of another length."""
        parts = [sentences_of(query) for query in queries]
        encoded = self.encoder.encode([*queries, *chain.from_iterable(parts)])
        if encoded.shape[1] != self.vectors.shape[1]:
            raise UsageError(
                f"the vectors of the APIs have {self.vectors.shape[1]:,} numbers, and those that {self.name} "
                f"makes now {encoded.shape[1]:,}",
                fix="`toolloom retriever embed` makes them anew",
            )
        found: Scores = encoded[: len(queries)] @ self.vectors.T
        at = len(queries)
        for row, sentences in enumerate(parts):
            if sentences:
                nearest = (encoded[at : at + len(sentences)] @ self.vectors.T).max(axis=0)
                found[row] = (found[row] + nearest) / 2
                at += len(sentences)
        return found


def sentences_of(query: str) -> list[str]:
    """Those of at least four words; none where there are fewer than two of them."""
    found = [part for part in _BETWEEN_SENTENCES.split(query) if len(part.split()) >= _WORDS]
    return found if len(found) > 1 else []


@dataclass(frozen=True)
class BySentence:
    """What a retriever says of a query as a whole, and of the sentence that says most for a document: the sum
    of both in standard deviations, for scores that grow with the length of a query.
    """

    whole: Retriever

    @property
    def name(self) -> str:
        return self.whole.name

    def scores(self, queries: Sequence[str]) -> Scores:
        found = _standardised(self.whole.scores(queries))
        for row, query in enumerate(queries):
            sentences = sentences_of(query)
            if sentences:
                most = self.whole.scores(sentences).max(axis=0, keepdims=True)
                found[row] += _standardised(most)[0]
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


@dataclass(frozen=True)
class Fused:
    """Reciprocal rank fusion: 1 / (60 + rank) by each, weighted (Cormack et al. 2009).

    weight: as of `Mixed`.  Only ranks count, not how sure a retriever is.
    """

    first: Retriever
    second: Retriever
    weight: float

    @property
    def name(self) -> str:
        return f"{self.first.name}+{self.second.name} by ranks"

    def scores(self, queries: Sequence[str]) -> Scores:
        first, second = (1 / (_RANK + _ranks(each.scores(queries))) for each in (self.first, self.second))
        return np.asarray((1 - self.weight) * first + self.weight * second, dtype=np.float32)


def _ranks(scores: Scores) -> Scores:
    """Of each document in its row, from 1; what scores the same has the rank of the last of them."""
    rows = [len(row) - np.searchsorted(np.sort(row), row, side="left") for row in scores]
    ranks: Scores = np.array(rows, dtype=np.float32).reshape(scores.shape)
    return ranks


def _standardised(scores: Scores) -> Scores:
    """Each row with mean 0 and deviation 1; one whose documents all score the same says nothing: zeros."""
    spread = scores.std(axis=1, keepdims=True)
    centred = scores - scores.mean(axis=1, keepdims=True)
    standardised: Scores = np.zeros_like(centred)
    np.divide(centred, spread, out=standardised, where=spread > 0)
    return standardised
