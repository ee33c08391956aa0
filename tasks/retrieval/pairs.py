"""What a retriever is trained on: instructions, the APIs they need, and batches of them.

Every other API of a batch is a negative, so a batch holds no second pair whose API an instruction of it
needs, nor a twin of one: neither would be wrong.  After Karpukhin et al. (arXiv 2004.04906) and ToolBench's
retriever (arXiv 2307.16789, section 3.2), which lets the positives of a query push each other away.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.exact_json import digest_of
from tasks.retrieval.documents import ApiDocument
from tasks.retrieval.lexical import Lexical
from tasks.retrieval.ranking import Retriever, Scores, order_of, ranks_of

AT = 5
_RIVALS = 10


@dataclass(frozen=True)
class Query:
    """needed: the numbers of the documents it needs, ascending."""

    text: str
    needed: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """A query, one of the documents it needs, and wrong ones that look right.

    allowed: twins of all that the query needs, which are no negatives for it.
    """

    query: Query
    document: int
    negatives: tuple[int, ...]
    allowed: frozenset[str]


def queries_of(asked: Sequence[tuple[str, Sequence[int]]]) -> list[Query]:
    """A query for each text, which needs what any of that text needs; ordered by text."""
    needed: dict[str, set[int]] = {}
    for text, documents in asked:
        needed.setdefault(text, set()).update(documents)
    return [Query(text, tuple(sorted(needed[text]))) for text in sorted(needed)]


def held_back_of(queries: Sequence[Query], share: float) -> tuple[list[Query], list[Query]]:
    """Those to train on, and those that choose the epoch: by hash of what they need.

    Queries that need the same are on one side, else the epoch would be chosen by what was learnt by heart.
    Of two kinds or more there is one on each side.
    """
    place = {query.needed: digest_of(["held back", *map(str, query.needed)]) for query in queries}
    kinds = sorted(place, key=lambda needed: place[needed])
    n = min(max(1, round(share * len(kinds))), len(kinds) - 1)
    chosen = set(kinds[: max(0, n)])
    return (
        [query for query in queries if query.needed not in chosen],
        [query for query in queries if query.needed in chosen],
    )


def pairs_of(
    queries: Sequence[Query], documents: Sequence[ApiDocument], hard: Retriever | None = None, n_hard: int = 0
) -> list[Pair]:
    """A pair for each document that a query needs.  hard: ranks wrong ones, of which n_hard are added."""
    pairs = []
    for query in queries:
        allowed = frozenset(documents[each].twin for each in query.needed)
        negatives: tuple[int, ...] = ()
        if hard is not None and n_hard:
            order = order_of(hard.scores([query.text]))[0]
            wrong = (int(each) for each in order if documents[each].twin not in allowed)
            negatives = tuple(each for _, each in zip(range(n_hard), wrong, strict=False))
        pairs += [Pair(query, each, negatives, allowed) for each in query.needed]
    return pairs


def batches(pairs: Sequence[Pair], twins: Sequence[str], size: int, order: random.Random) -> list[list[int]]:
    """The pairs in batches, shuffled, none of whose documents another pair's query needs; the fullest first.

    twins: of the documents.
    """
    waiting = list(range(len(pairs)))
    order.shuffle(waiting)
    found = []
    while waiting:
        batch: list[int] = []
        late: list[int] = []
        shown: set[str] = set()
        needed: set[str] = set()
        for place, at in enumerate(waiting):
            if len(batch) == size:
                late += waiting[place:]
                break
            mine = {twins[each] for each in (pairs[at].document, *pairs[at].negatives)}
            if mine & needed or pairs[at].allowed & shown:
                late.append(at)
                continue
            batch.append(at)
            shown |= mine
            needed |= pairs[at].allowed
        found.append(batch)
        waiting = late
    return found


def ndcg(scores: Scores, queries: Sequence[Query], k: int = AT) -> float:
    """The mean over queries, with the ideal of all that each needs.  scores: a row a query."""
    gains = []
    for query, own in zip(queries, scores, strict=True):
        ranks = ranks_of(own, query.needed)
        ideal = sum(1 / np.log2(rank + 1) for rank in range(1, min(k, len(ranks)) + 1))
        gains.append(sum(1 / np.log2(rank + 1) for rank in ranks if rank <= k) / ideal)
    return float(np.mean(gains))


def rivals(queries: Sequence[Query], documents: Sequence[ApiDocument]) -> tuple[list[str], list[Query]]:
    """Texts that are enough to tell models apart by: what the queries need, and what BM25 takes for it.

    The queries with the numbers of these texts.
    """
    found = {each for query in queries for each in query.needed}
    for row in order_of(Lexical(documents).scores([query.text for query in queries])):
        found.update(int(each) for each in row[:_RIVALS])
    corpus = sorted(found)
    place = {each: at for at, each in enumerate(corpus)}
    asked = [Query(query.text, tuple(place[each] for each in query.needed)) for query in queries]
    return [documents[each].text for each in corpus], asked
