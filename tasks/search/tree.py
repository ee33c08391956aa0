"""The tree of one search, its account and its result."""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.llm.chat import ToolSet, Usage
from tasks.search.node import End, SearchNode


@dataclass(slots=True, eq=False, kw_only=True)
class SearchTree:
    """What a search found.

    stopped_by: answered, exhausted (nothing left to try), max_queries or max_tokens.  give_ups: nodes
    that gave up, in the order entered.  n_calls: API calls made.
    """

    root: SearchNode
    tools: ToolSet
    stopped_by: str = "exhausted"
    answer: SearchNode | None = None
    give_ups: list[SearchNode] = field(default_factory=list)
    n_queries: int = 0
    n_calls: int = 0
    n_entered: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def win(self) -> bool:
        return self.answer is not None

    @property
    def finish_type(self) -> str:
        """give_answer, give_up (nothing was won, but an attempt gave up) or none."""
        if self.answer is not None:
            return "give_answer"
        return "give_up" if self.give_ups else "none"

    @property
    def result(self) -> SearchNode | None:
        """The node that answered, else the last one that gave up."""
        if self.answer is not None:
            return self.answer
        return self.give_ups[-1] if self.give_ups else None

    @property
    def final_answer(self) -> str | None:
        return None if self.result is None else self.result.actions[-1].final_answer

    def count(self, usage: Usage) -> None:
        """Accounts for one query."""
        self.n_queries += 1
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out

    def enter(self, node: SearchNode) -> End | None:
        """Numbers a node as visited; says why it is not expanded, None if it is."""
        node.entry = self.n_entered
        self.n_entered += 1
        if node.end is End.ANSWERED:
            self.answer = node
            self.stopped_by = "answered"
        elif node.end is End.GAVE_UP:
            self.give_ups.append(node)
        return node.end
