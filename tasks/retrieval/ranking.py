"""Where a ranking has the APIs that a query needs.

Metrics follow from these ranks alone (`warehouse/views/retrieval_metrics.sql`): NDCG with the ideal of all
that is needed, recall, completeness (all that is needed is there) and the reciprocal rank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tasks.retrieval.documents import ApiDocument, names_tool
from warehouse.tables.instructions import Instruction
from warehouse.tables.retrieval import RetrievalRank

Scores = npt.NDArray[np.float32]
Order = npt.NDArray[np.int64]
_SHOWN = 10
_QUERIES_AT_ONCE = 256


class Retriever(Protocol):
    """name: bm25, or what the model is called."""

    @property
    def name(self) -> str: ...

    def scores(self, queries: Sequence[str]) -> Scores:
        """A row a query, a column a document: the higher, the better."""
        ...


def order_of(scores: Scores) -> Order:
    """The documents of each row, best first; those that score the same stay in the order of their ids."""
    return np.argsort(-scores, axis=1, kind="stable")


def ranks_of(scores: Scores, needed: Sequence[int]) -> tuple[int, ...]:
    """The ranks of what is needed, from 1, ascending.  scores: of one query.

    Each is behind all that score the same and are not needed: no order of names helps who cannot tell.
    """
    others = np.delete(scores, needed)
    own = np.sort(scores[list(needed)])[::-1]
    return tuple(int((others >= score).sum()) + at for at, score in enumerate(own, 1))


def twin_ranks_of(scores: Scores, needed: Sequence[int], twins: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Likewise where documents that say the same stand for each other, and count once.

    twins: a number for each document, from 0, the same for those that say the same.
    """
    best = np.full(int(twins.max()) + 1, -np.inf, dtype=scores.dtype)
    np.maximum.at(best, twins, scores)
    return ranks_of(best, np.unique(twins[list(needed)]).tolist())


def ranked(
    retriever: Retriever,
    documents: Sequence[ApiDocument],
    instructions: Sequence[Instruction],
    level: Callable[[Instruction], str],
) -> Iterable[RetrievalRank]:
    """The rows of a retriever.  level: train, or what is held out.

    A few hundred queries at a time, so that their scores fit into memory.
    """
    number = {document.api_id: at for at, document in enumerate(documents)}
    _, twins = np.unique([document.twin for document in documents], return_inverse=True)
    for start in range(0, len(instructions), _QUERIES_AT_ONCE):
        some = instructions[start : start + _QUERIES_AT_ONCE]
        scores = retriever.scores([row.query for row in some])
        for row, own, order in zip(some, scores, order_of(scores), strict=True):
            needed = sorted({number[each.api_id] for each in row.relevant_apis})
            yield RetrievalRank(
                retriever=retriever.name,
                instruction_id=row.instruction_id,
                scenario=row.scenario,
                level=level(row),
                n_apis=len(documents),
                names_tool=any(names_tool(row.query, documents[each].tool) for each in needed),
                ranks=ranks_of(own, needed),
                twin_ranks=twin_ranks_of(own, needed, twins),
                top=tuple(documents[each].api_id for each in order[:_SHOWN]),
            )
