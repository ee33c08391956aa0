"""How well retrievers find the APIs that instructions need."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.table import Table


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
